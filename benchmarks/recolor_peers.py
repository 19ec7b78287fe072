"""Color transfers of other packages, called as their own examples call them, on the same decoded pixels.

    pip install color-matcher colortrans POT opencv-python-headless
    pip install --no-deps python-color-transfer

(python-color-transfer asks for an older numpy than limner, and runs with the newer one.) A peer takes the target and
the reference, (H, W, 3) uint8 RGB, and gives a picture like the target: uint8, or float in 0..255.
"""

from collections.abc import Callable
from functools import partial
from importlib import metadata

import numpy as np

Peer = Callable[[np.ndarray, np.ndarray], np.ndarray]

PACKAGES = ("color-matcher", "colortrans", "POT", "python-color-transfer")
POT_SAMPLES = 1000


def versions() -> dict[str, str]:
    """Package -> version, "not installed" where it is missing."""
    found = {}
    for package in PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            found[package] = "not installed"
    return found


def color_matcher(method: str, target: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """In float64, so that nothing is rounded between its stages; it writes into what it is given."""
    from color_matcher import ColorMatcher

    return ColorMatcher().transfer(target.astype(np.float64), reference.astype(np.float64), method=method)


def colortrans(method: str, target: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Its functions are named after the methods."""
    import colortrans

    return getattr(colortrans, f"transfer_{method}")(target, reference)


def pot(method: str, target: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """As in its gallery ("OT for image color adaptation" and "Linear OT mapping estimation"): colors in [0, 1]."""
    import ot

    colors, wanted = (picture.reshape(-1, 3) / 255.0 for picture in (target, reference))
    if method == "linear":
        transport = ot.da.LinearTransport().fit(Xs=colors, Xt=wanted)
        return 255 * transport.transform(Xs=colors).reshape(target.shape)
    random = np.random.RandomState(42)  # the gallery's seed
    some, some_wanted = (cloud[random.randint(len(cloud), size=POT_SAMPLES)] for cloud in (colors, wanted))
    transport = ot.da.EMDTransport() if method == "emd" else ot.da.SinkhornTransport(reg_e=1e-1)
    transport.fit(Xs=some, Xt=some_wanted)
    # Colors repeat, and each is moved by itself: moving the different ones gives the same picture sooner.
    different, places = np.unique(colors, axis=0, return_inverse=True)
    return 255 * transport.transform(Xs=different, batch_size=1024)[places].reshape(target.shape)


def python_color_transfer(method: str, target: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """It works on BGR, as OpenCV reads."""
    from python_color_transfer.color_transfer import ColorTransfer

    given = {
        "img_arr_in": np.ascontiguousarray(target[..., ::-1]),
        "img_arr_ref": np.ascontiguousarray(reference[..., ::-1]),
    }
    peer = ColorTransfer()
    if method == "pdf":
        return peer.pdf_transfer(**given)[..., ::-1]
    if method == "pdf regrain":
        return peer.pdf_transfer(**given, regrain=True)[..., ::-1]
    return (peer.lab_transfer if method == "lab" else peer.mean_std_transfer)(**given)[..., ::-1]


PEERS: dict[str, Peer] = {
    f"{package} {method}": partial(function, method)
    for package, function, methods in (
        ("color-matcher", color_matcher, ("reinhard", "mkl", "hm", "hm-mkl-hm")),
        ("colortrans", colortrans, ("reinhard", "lhm", "pccm")),
        ("POT", pot, ("linear", "emd", "sinkhorn")),
        ("python-color-transfer", python_color_transfer, ("mean-std", "lab", "pdf", "pdf regrain")),
    )
    for method in methods
}
