"""A picture by tiles is the picture in one pass; instance normalization is held, and then bounded."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from limner import load
from limner.foundation.errors import UserError
from limner.scenes.windows import Window
from limner.translate.networks import GENERATORS, ResNet
from limner.translate.translating.predictor import PictureTranslator, make_translator
from limner.translate.translating.seams import measure_seams
from limner.translate.translating.tiles import padded, translated_tiles

EXACT: dict[str, dict[str, Any]] = {
    "unet": {"levels": 3, "width": 4},
    "unet resized": {"levels": 2, "width": 4, "upsample": "resize"},
    "resnet": {"blocks": 1, "width": 4, "norm": "batch"},
    "light-residual": {"blocks": 2, "width": 4, "scale": 2},
    "light-residual squeezed": {"blocks": 2, "width": 4, "squeeze": 2},
    "srresnet": {"blocks": 2, "width": 4, "scale": 4},
    "voxel-flow": {"inputs": 6, "blocks": 1, "width": 4, "most_px": 24},
}
SIZES = ((33, 47), (64, 64), (65, 129), (97, 16), (3, 200))


def drawn(name: str, **options: Any) -> nn.Module:
    """A network of any weights, with statistics of batch normalization that are not the first ones."""
    torch.manual_seed(0)
    network = GENERATORS[name.split()[0]](**{"inputs": 3, "outputs": 3, **options})
    for layer in network.modules():
        if isinstance(layer, nn.BatchNorm2d):
            nn.init.uniform_(layer.running_mean, -0.2, 0.2)  # type: ignore[arg-type]
            nn.init.uniform_(layer.running_var, 0.5, 1.5)  # type: ignore[arg-type]
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.normal_(layer.weight, std=0.3)
    return network.eval()


def translator(network: Any, **more: Any) -> PictureTranslator:
    options: dict[str, Any] = {
        "inputs": network.inputs, "outputs": network.outputs, "scale": network.scale, "colors": "rgb",
        "source_colors": "rgb", "degrade_name": "none", "degrade_options": {}, "see_mask": True,
        "picture_statistics": False, "dropout": False, "device": torch.device("cpu"), "own": True,
    }  # fmt: skip
    return make_translator(network, **{**options, **more})


def picture(height: int, width: int, channels: int = 3) -> Tensor:
    return torch.rand(channels, height, width, generator=torch.Generator().manual_seed(height))


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("name", EXACT)
def test_tiles_give_what_one_pass_gives(name: str, size: tuple[int, int]) -> None:
    made = translator(drawn(name, **EXACT[name]))
    source = picture(*size, made.channels)
    whole, tiled = (made.translate(source, tile_px=tile_px) for tile_px in (None, 32))
    assert tiled.shape == (3, size[0] * made.scale, size[1] * made.scale)
    assert (whole - tiled).abs().max() <= 1 / 255
    assert whole.std() > 0.01


def test_a_picture_of_3000_px_goes_through_by_tiles() -> None:
    made = translator(drawn("light-residual", blocks=1, width=2))
    source = picture(40, 3000)
    assert (made.translate(source, tile_px=None) - made.translate(source, tile_px=256)).abs().max() <= 1 / 255


def test_memory_is_asked_for_tiles_alone() -> None:
    network: Any = drawn("srresnet", blocks=2, width=4, scale=4)
    asked = []

    def read(window: Window) -> Tensor:
        asked.append(window)
        return torch.zeros(3, window.height, window.width)

    covered = torch.zeros(150, 210)
    for window, part in translated_tiles(network, read, 150, 210, tile_px=64):
        covered[window.slices] += 1
        assert part.shape == (3, 4 * window.height, 4 * window.width)
    assert bool((covered == 1).all())
    assert max(max(window.height, window.width) for window in asked) <= 64 + 2 * network.reach_px < 150


def test_instance_normalization_is_held_over_tiles_and_the_seam_is_measured() -> None:
    torch.manual_seed(0)
    made = translator(ResNet(3, 3, blocks=1, width=8).eval())
    assert made.sees_all
    slope = torch.linspace(0, 1, 256).expand(3, 256, 256)
    source = (0.5 * slope + 0.5 * picture(256, 256)).clamp(0, 1)
    whole, held = (made.translate(source, tile_px=each) for each in (None, 64))
    each_its_own = torch.cat(
        [torch.cat([made.translate(source[:, r : r + 64, c : c + 64], tile_px=None) for c in range(0, 256, 64)], 2)
         for r in range(0, 256, 64)], 1,
    )  # fmt: skip
    assert (whole - held).abs().mean() < 0.3 * (whole - each_its_own).abs().mean()
    assert (whole - held).abs().mean() < 0.01
    assert measure_seams(made, source, None, 64) == pytest.approx(float((whole - held).abs().max()))
    small = picture(32, 32)
    assert torch.equal(made.translate(small, tile_px=None), made.translate(small, tile_px=64))


def test_a_network_in_training_is_left_as_it_is() -> None:
    network = ResNet(3, 3, blocks=1, width=4).train()
    translator(network, own=False).translate(picture(16, 16))
    assert any(isinstance(layer, nn.InstanceNorm2d) for layer in network.modules())


def test_a_pictures_own_statistics_and_dropout_can_stay_on() -> None:
    network = drawn("unet", levels=6, width=4)
    own = translator(network, picture_statistics=True, own=False)
    assert own.whole
    other = translator(network, own=False)
    source = picture(64, 64)
    assert not torch.allclose(own.translate(source), other.translate(source))
    assert torch.equal(own.translate(source), own.translate(source))
    noisy = translator(network, dropout=True, own=False)
    assert not torch.equal(noisy.translate(source), noisy.translate(source))
    assert all(layer.track_running_stats for layer in network.modules() if isinstance(layer, nn.BatchNorm2d))


def test_only_holes_are_painted() -> None:
    network = drawn("unet", levels=3, width=4, inputs=4)
    made = translator(network, degrade_name="hole", degrade_options={"fill": "rest"})
    source, mask = picture(40, 48), torch.zeros(1, 40, 48)
    mask[:, 10:20, 5:30] = 1
    filled = made.translate(source, mask, tile_px=16)
    assert torch.equal(filled[:, mask[0] == 0], source[:, mask[0] == 0])
    spoiled = torch.where(mask > 0.5, torch.zeros(()), source)
    assert torch.equal(filled, made.translate(spoiled, mask, tile_px=16))  # what is missing is not looked at
    with pytest.raises(UserError, match="give --mask"):
        made.translate(source)
    with pytest.raises(UserError, match="leave --mask out"):
        translator(drawn("unet", levels=3, width=4)).translate(source, mask)
    with pytest.raises(UserError, match="a picture of 4 channels; the run translates pictures of 3"):
        made.translate(picture(8, 8, 4), mask)


def test_what_lies_beyond_is_reflected_or_repeated() -> None:
    image = torch.arange(6.0).view(1, 2, 3)
    out = padded(lambda window: image[(slice(None), *window.slices)], Window(0, 0, 5, 4), 2, 3)
    assert out[0, :2].tolist() == [[0, 1, 2, 1], [3, 4, 5, 4]]
    assert out.shape == (1, 5, 4) and out[0, 2].tolist() == [0, 1, 2, 1]
    one = padded(lambda window: image[:, :1, :1], Window(0, 0, 3, 2), 1, 1)
    assert one.tolist() == [[[0, 0], [0, 0], [0, 0]]]


def test_tiles_without_a_hole_are_not_computed(translators: Path) -> None:
    filler = load(translators / "fill")
    picture = torch.rand(3, 96, 128, generator=torch.Generator().manual_seed(0))
    mask = torch.zeros(1, 96, 128)
    mask[:, 40:50, 70:90] = 1
    passes = []
    filler.network.register_forward_hook(lambda *_: passes.append(1))
    made = filler.translate(picture, mask, tile_px=16)
    assert len(passes) == 4  # of 48 tiles those that the hole reaches: rows 32 to 63, columns 64 to 95
    assert torch.equal(made[:, mask[0] == 0], picture[:, mask[0] == 0])
    again = picture.clone()
    painted = filler.translate(again, mask, tile_px=16, in_place=True)
    assert painted is again and torch.equal(painted, made) and not torch.equal(again, picture)
    whole = filler.translate(picture, mask, tile_px=None)
    assert float((made - whole).abs().max()) <= 1 / 255
