"""An encoder begins with ImageNet's weights or a user's own, for any number of bands; what does not fit is told."""

import dataclasses
import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest
import timm
import torch
from safetensors.torch import save_file
from torch import Tensor
from torchvision.models import resnet18

from drawn import draw_picture, save_area, write_recipe_text
from limner.foundation.errors import UserError
from limner.foundation.files.writing import write_json
from limner.learning.library import load_recipe
from limner.learning.recipes.reading import read_recipe
from limner.learning.recipes.recipe import to_plain, write_recipe
from limner.learning.runs.run import Run
from limner.nn.pretrained import WEIGHTS, Weights
from limner.nn.pretraining import fit_bands
from limner.segment.networks import ResidualUNet
from limner.segment.predicting.facts import read_facts
from limner.segment.predicting.predictor import build_network, described_network
from limner.segment.training.recipe import SegmentRecipe


def saved(path: Path, change: Callable[[dict[str, Tensor]], object] = lambda state: None) -> Path:
    """The state of a fresh ResNet-18 as torchvision has it, changed and written."""
    torch.manual_seed(0)
    state = resnet18(weights=None).state_dict()
    change(state)
    if path.suffix == ".safetensors":
        save_file(state, path)
    else:
        torch.save(state, path)
    return path


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A hub cache that holds a small stand-in for torchvision's ResNet-18, known by its own hash."""
    monkeypatch.setattr(torch.hub, "_hub_dir", None)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    checkpoints = tmp_path / "torch" / "hub" / "checkpoints"
    checkpoints.mkdir(parents=True)
    plain = saved(checkpoints / "plain.pth")
    prefix = hashlib.sha256(plain.read_bytes()).hexdigest()[:8]
    cached = plain.rename(plain.with_name(f"resnet18-{prefix}.pth"))
    monkeypatch.setitem(WEIGHTS, "resnet18", Weights("resnet18", cached.name, "", 47, "BSD-3-Clause", prefix))
    return cached


def assert_encoder_has(network: ResidualUNet, weights: dict[str, Tensor], but: str = "") -> None:
    for name, tensor in network.encoder.state_dict().items():
        if name != but:
            assert torch.equal(tensor, weights[name]), name


def test_pretrained_takes_the_cached_imagenet_weights_of_its_depth(hub: Path) -> None:
    network = ResidualUNet(channels=3, depth=18, pretrained=True)
    assert_encoder_has(network, torch.load(hub, weights_only=True))
    assert not torch.equal(network.encoder.conv1.weight, ResidualUNet(channels=3, depth=18).encoder.conv1.weight)


def test_pretrained_weights_that_are_not_here_are_named_with_what_to_do(hub: Path) -> None:
    with pytest.raises(UserError, match=r"resnet34 needs resnet34-b627a593.pth \(87 MB\); put it at .*add --download"):
        ResidualUNet(channels=3, depth=34, pretrained=True)
    with torch.device("meta"):  # shapes only: nothing to load
        ResidualUNet(channels=3, depth=34, pretrained=True)


@pytest.mark.parametrize("channels", [1, 4, 13])
def test_the_first_convolution_of_other_bands_gives_a_grey_picture_its_features(hub: Path, channels: int) -> None:
    grey = torch.randn(1, 1, 64, 64, generator=torch.Generator().manual_seed(0))
    three = ResidualUNet(channels=3, depth=18, pretrained=True).eval()
    other = ResidualUNet(channels=channels, depth=18, pretrained=True).eval()
    assert_encoder_has(other, three.encoder.state_dict(), but="conv1.weight")
    with torch.inference_mode():
        expected = three.encoder(grey.expand(-1, 3, -1, -1))
        for ours, theirs in zip(other.encoder(grey.expand(-1, channels, -1, -1)), expected, strict=True):
            assert torch.allclose(ours, theirs, rtol=1e-3, atol=1e-3)


def test_three_bands_keep_their_own_weights_and_others_get_the_mean() -> None:
    weight = torch.arange(3.0).view(1, 3, 1, 1)
    assert torch.equal(fit_bands(weight, 3), weight)
    assert fit_bands(weight, 2).flatten().tolist() == [1.5, 1.5]
    assert fit_bands(weight, 4).flatten().tolist() == [0.75] * 4


@pytest.mark.parametrize("name", ["own.pth", "own.safetensors"])
def test_a_file_of_the_users_may_come_from_torchvision(tmp_path: Path, name: str) -> None:
    path = saved(tmp_path / name)
    network = ResidualUNet(channels=3, depth=18, weights=path)
    assert_encoder_has(network, resnet_state())


def resnet_state() -> dict[str, Tensor]:
    torch.manual_seed(0)
    return resnet18(weights=None).state_dict()


def test_a_file_of_the_users_may_come_from_timm(tmp_path: Path) -> None:
    state = timm.create_model("resnet18", pretrained=False).state_dict()
    save_file(state, tmp_path / "timm.safetensors")
    assert_encoder_has(ResidualUNet(channels=3, depth=18, weights=tmp_path / "timm.safetensors"), state)


def test_a_file_may_have_the_pictures_own_bands_and_no_counters_of_batches(tmp_path: Path) -> None:
    def change(state: dict[str, Tensor]) -> None:
        state["conv1.weight"] = torch.ones(64, 4, 7, 7)
        for name in [name for name in state if name.endswith("num_batches_tracked")]:
            del state[name]

    network = ResidualUNet(channels=4, depth=18, weights=saved(tmp_path / "four.pth", change))
    assert torch.equal(network.encoder.conv1.weight, torch.ones(64, 4, 7, 7))


def without(name: str) -> Callable[[dict[str, Tensor]], object]:
    return lambda state: state.pop(name)


def with_tensor(name: str, *shape: int) -> Callable[[dict[str, Tensor]], object]:
    return lambda state: state.update({name: torch.zeros(shape)})


@pytest.mark.parametrize(
    ("depth", "change", "message"),
    [
        (34, lambda state: None, "own.pth: has no layer1.2.conv1.weight; needed: weights of this depth"),
        (50, lambda state: None,
         r"layer1.0.conv1.weight has the shape \(64, 64, 3, 3\), this network's has \(64, 64, 1, 1\)"),
        (18, without("conv1.weight"), "has no conv1.weight; needed"),
        (18, with_tensor("layer9.weight", 2), "has layer9.weight, which this network has not"),
        (18, with_tensor("conv1.weight", 64, 5, 7, 7),
         r"shape \(64, 5, 7, 7\), .*; needed: weights for 3 bands, or for"),
        (18, with_tensor("conv1.weight"), r"conv1.weight has the shape \(\)"),
    ],
)  # fmt: skip
def test_a_file_that_does_not_fit_is_told_by_its_first_tensor(
    tmp_path: Path, depth: int, change: Callable[[dict[str, Tensor]], object], message: str
) -> None:
    path = saved(tmp_path / "own.pth", change)
    with pytest.raises(UserError, match=message) as caught:
        ResidualUNet(channels=4, depth=depth, weights=path)
    assert "\n" not in str(caught.value)


def test_a_recipe_takes_a_path_of_weights_and_none(tmp_path: Path) -> None:
    settings = ("--network.name", "residual-unet", "--network.depth", "18", "--network.weights")
    recipe = load_recipe("segment/modern", (*settings, "weights/own.pth"))
    assert recipe.network.options["weights"] == Path("weights/own.pth")
    assert to_plain(recipe.network)["weights"] == "weights/own.pth"
    assert read_recipe(write_recipe(recipe), "again", lambda _: SegmentRecipe) == recipe
    assert load_recipe("segment/modern", (*settings, "none")).network.options["weights"] is None


def test_a_finished_run_needs_neither_the_cache_nor_the_users_file(tmp_path: Path) -> None:
    for option in ({"pretrained": True}, {"weights": "gone.pth"}):
        network = {"name": "residual-unet", "depth": 18, **option}
        run = Run(tmp_path)
        statistics = {"mean": [0.0] * 3, "deviation": [1.0] * 3}
        facts = {"task": "segment", "network": network, "channels": 3, "class_names": ["background", "building"]}
        write_json(tmp_path / "model.json", {"format_version": 1, **facts, "statistics": statistics, "threshold": 0.5})
        assert build_network(described_network(run, read_facts(run)), read_facts(run))


def test_train_fetches_weights_only_when_asked(
    hub: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limner: Callable[..., tuple[int, str, str]]
) -> None:
    served = hub.rename(tmp_path / hub.name)  # a "server" of one file; the cache is empty now
    monkeypatch.setitem(WEIGHTS, "resnet18", dataclasses.replace(WEIGHTS["resnet18"], url=served.as_uri()))
    recipe = write_recipe_text(tmp_path, [save_area(tmp_path / "town", [draw_picture(64, 64)])])
    network = ("--network.name", "residual-unet", "--network.depth", "18", "--network.pretrained")
    command = ("train", str(recipe), *network, "--data.validation-share", "0", "--dry-run")

    code, out, error = limner(*command)
    assert (code, out) == (2, "")
    assert "add --download" in error
    code, out, error = limner(*command, "--download")
    assert code == 0, error
    assert "pretrained: true" in out
    assert f"downloading {served.as_uri()}" in error
    assert hub.read_bytes() == served.read_bytes()
    assert limner(*command)[0] == 0  # from the cache
