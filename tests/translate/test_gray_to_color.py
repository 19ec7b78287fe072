"""Gray pictures in color: light and dark stay at every size, colors do not change over tiles, scores tell brown."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

import limner as api
from limner.cli import main
from limner.colors.luma import painted, planes_of
from limner.fidelity.features import FeatureExtractor
from limner.foundation.errors import UserError
from limner.learning.alarms import ringing
from limner.learning.runs.run import Run
from limner.photos.photos import read_photo
from limner.scenes.windows import Window
from limner.translate.degrading.looks import luma
from limner.translate.measures import feature_distance
from limner.translate.measures.bars import all_bars, known_of
from limner.translate.measures.color import color_error, color_spread, colorfulness
from limner.translate.measures.color_bars import color_bars
from limner.translate.networks import Colorizer
from limner.translate.training.pairs.alarms import ALARMS, alarms_of
from limner.translate.translating.exported import exportable
from limner.translate.translating.seams import measure_seams
from limner.translate.translating.tiles import translated_tiles
from mistakes import Case, check_mistake
from quick_features import mean_colors
from tiny_maps import FewMaps

CommandLine = Callable[..., tuple[int, str, str]]
SMALL = [
    "--epochs", "1", "--steps-per-epoch", "2", "--batch", "2", "--data.held-out", "2", "--loop.precision", "fp32",
    "--data.size-px", "32", "--data.jitter-px", "none", "--data.crop-px", "none", "--generator.levels", "3",
    "--generator.width", "4", "--generator.seen-px", "32",
]  # fmt: skip


def smooth(number: int, height: int = 32, width: int = 32, channels: int = 3) -> np.ndarray:
    coarse = np.random.default_rng(number).integers(0, 256, (5, 5, channels), dtype=np.uint8)
    made = Image.fromarray(coarse.squeeze()).resize((width, height), Image.Resampling.BICUBIC)
    return np.asarray(made)


def as_tensor(pixels: np.ndarray) -> Tensor:
    return torch.from_numpy(np.atleast_3d(pixels).copy()).permute(2, 0, 1).float() / 255


def colorizer(inputs: int = 1) -> Any:
    """One of any weights, which colors strongly."""
    torch.manual_seed(0)
    network = Colorizer(inputs, 3, seen_px=16, levels=3, width=4)
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.normal_(layer.weight, std=0.4)
    return network.eval()


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of two steps on smooth pictures in color, some of which are gray."""
    here = tmp_path_factory.mktemp("gray")
    (here / "colored").mkdir()
    for number in range(10):
        picture = Image.fromarray(smooth(number))
        (picture if number else picture.convert("L")).save(here / "colored" / f"{number}.png")
    with pytest.MonkeyPatch.context() as patch, pytest.raises(SystemExit) as left:
        patch.setattr(FeatureExtractor, "of", staticmethod(mean_colors))
        patch.setattr(feature_distance, "LiteMaps", FewMaps)
        data = ["--data", str(here / "colored"), "--out", str(here / "run")]
        main(["train", "translate/gray-to-color", *data, *SMALL])
    assert left.value.code == 0
    return here / "run"


def test_planes_and_luma_are_the_picture_and_no_plane_changes_the_luma() -> None:
    draws = torch.Generator().manual_seed(0)
    picture = torch.rand(3, 20, 24, generator=draws)
    torch.testing.assert_close(painted(luma(picture), planes_of(picture)), picture)
    red = torch.tensor([1.0, 0.0, 0.0])[:, None, None]  # JPEG's numbers (JFIF 1.02)
    assert planes_of(red).flatten().tolist() == pytest.approx([-0.168736, 0.5], abs=1e-6)
    gray = torch.cat([torch.rand(1, 20, 22, generator=draws), torch.zeros(1, 20, 1), torch.ones(1, 20, 1)], dim=2)
    made = painted(gray, torch.rand(2, 20, 24, generator=draws) - 0.5)
    torch.testing.assert_close(luma(made), gray, atol=1e-6, rtol=0)
    assert made.min() >= 0 and made.max() <= 1 and (made - gray).abs().max() > 0.3
    torch.testing.assert_close(made[..., -2:], gray[..., -2:].expand(3, -1, -1))  # black and white have no color


@pytest.mark.parametrize("size", [(16, 16), (33, 47), (65, 129), (3, 200), (1, 1), (40, 3000)], ids=str)
@pytest.mark.parametrize("inputs", [1, 3])
def test_light_and_dark_stay_at_every_size_and_tiles_have_no_seams(size: tuple[int, int], inputs: int) -> None:
    network = colorizer(inputs)
    source = torch.rand(inputs, *size, generator=torch.Generator().manual_seed(1)) * 2 - 1
    asked = []

    def read(window: Window) -> Tensor:
        asked.append(window.height * window.width)
        return source[(slice(None), *window.slices)]

    with torch.no_grad():
        whole = network(source[None])[0]
    made = torch.full((3, *size), torch.nan)
    for window, part in translated_tiles(network, read, *size, tile_px=32):
        made[(slice(None), *window.slices)] = part
    torch.testing.assert_close(made, whole, atol=1e-5, rtol=0)
    torch.testing.assert_close(luma((made + 1) / 2), luma((source + 1) / 2), atol=1e-5, rtol=0)
    assert max(asked) <= max(32 * 32, (size[0] // 16 + 2) * size[1])  # a tile, or a strip of the look at the whole
    assert color_spread([((made + 1) / 2)]) > 1 or size == (1, 1)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: Colorizer(1, 1), "was asked for 1 of 1; give pictures in color as targets"),
        (lambda: Colorizer(4, 3), "was asked for 3 of 4"),
        (lambda: Colorizer(1, 3, 2), "not 2 times as large"),
        (lambda: Colorizer(1, 3, seen_px=40, levels=4), "seen_px 40 with 4 levels; needed: a multiple of 16"),
        (lambda: Colorizer(1, 3, seen_px=8, levels=4), "needed: a multiple of 16"),
    ],
)
def test_a_colorizer_refuses_what_it_cannot_do(make: Any, says: str) -> None:
    with pytest.raises(UserError, match=says):
        make()


def test_scores_of_color_have_their_closed_forms() -> None:
    gray = torch.rand(1, 12, 12).expand(3, -1, -1)
    assert colorfulness(gray) == pytest.approx(0, abs=1e-9) and color_spread([gray]) < 0.1
    red = torch.tensor([1.0, 0.0, 0.0])[:, None, None].expand(3, 4, 4)
    assert colorfulness(red) == pytest.approx(0.3 * np.hypot(255, 127.5))  # no spread, the mean alone
    assert color_spread([red]) == pytest.approx(0, abs=1e-3)
    half = torch.cat([red, torch.zeros(3, 4, 4)], dim=2)
    spread, mean = np.hypot(127.5, 63.75), np.hypot(127.5, 63.75)
    assert colorfulness(half) == pytest.approx(spread + 0.3 * mean)
    assert color_error(gray, gray * 0.5) < 0.1  # lightness does not count
    # sRGB's red has a = 80.09, b = 67.20 in CIELAB under D65.
    assert color_error(red, torch.zeros(3, 4, 4)) == pytest.approx(np.hypot(80.09, 67.20), abs=0.05)


def test_bars_keep_the_luma_and_the_nearest_lends_its_colors() -> None:
    targets = tuple(torch.from_numpy(smooth(number).copy()).permute(2, 0, 1) for number in range(6))
    known = known_of((), targets)
    picture = targets[3].float() / 255
    made = all_bars(color_bars(), luma(picture), None, known)
    assert list(made) == ["untouched", "mean color", "mean color of each place", "colors of the nearest"]
    for each in made.values():
        torch.testing.assert_close(luma(each), luma(picture), atol=1e-6, rtol=0)
    assert len(planes_of(made["mean color"]).round(decimals=2).flatten(1).unique(dim=1).T) < 30
    # Its own colors by lightness come nearer than one color, and those of another picture do not.
    errors = {name: color_error(each, picture) for name, each in made.items()}
    assert errors["colors of the nearest"] < errors["mean color"] < errors["untouched"] * 1.2
    others = known_of((), targets[4:])
    stranger = all_bars(color_bars(), luma(picture), None, others)["colors of the nearest"]
    assert color_error(stranger, picture) > errors["colors of the nearest"]
    odd = all_bars(color_bars(), torch.rand(1, 9, 20), None, known)  # another size than the training's
    assert list(odd) == ["untouched", "mean color", "colors of the nearest"]


def test_gray_and_brown_ring_and_true_colors_do_not() -> None:
    targets = [as_tensor(smooth(number)) for number in range(6)]
    sources = [luma(each) for each in targets]
    brown = torch.tensor([-0.1, 0.1])[:, None, None].expand(2, 32, 32)
    for made, rings in (
        ([each.expand(3, -1, -1) for each in sources], True),
        ([painted(each, brown) for each in sources], True),
        ([painted(luma(each), 0.8 * planes_of(each)) for each in targets], False),
    ):
        assert ("alarm/pale" in ringing(ALARMS, alarms_of(sources, targets, made))) == rings
    assert "alarm/pale" not in alarms_of(targets, targets, targets)  # sources have color


def test_photos_of_any_size_and_depth_get_colors_and_keep_their_light(
    run: Path, here: Path, limner: CommandLine
) -> None:
    Image.fromarray(smooth(1, 37, 51, 1)).save("gray.png")
    Image.fromarray(smooth(2, 300, 401)).save("colored.png")
    Image.fromarray(smooth(3, 20, 31, 1).astype(np.uint16) * 257).save("deep.png")
    names = ("gray.png", "colored.png", "deep.png")
    code, _, error = limner("translate", run, *names, "--tile-px", "64", "--out", "made")
    assert code == 0, error
    for name in names:
        before, after = read_photo(Path(name)), read_photo(Path("made") / name)
        assert after.picture.shape == before.picture.shape and after.bits == before.bits
        levels = 255 if before.bits == 8 else 65535
        moved = (luma(after.picture) - luma(before.picture)).abs().max() * levels
        assert moved <= 0.51, name  # red, green and blue are rounded each
        assert not after.is_gray
    translator = api.load(run)
    picture = torch.rand(1, 19, 70)
    assert measure_seams(translator, picture, None, 16) == 0


def test_a_run_says_what_its_colors_are_worth(run: Path, here: Path, limner: CommandLine, quick_scores: None) -> None:
    code, printed, error = limner("evaluate", run, "--out", "found.json")
    assert code == 0, error
    head = next(line for line in printed.splitlines() if "PSNR" in line)
    assert "color error, Lab" in head and "colorfulness" in head
    assert "mean color of each place" in printed and "colors of the nearest" in printed
    assert "their colorfulness:" in printed
    report = (run / "report.html").read_text()
    assert "alarm/pale" in (run / "evaluation.json").read_text() and "pale:" in report
    with pytest.raises(UserError, match="looks at a small picture, then at the whole"):
        exportable(Run(run))
    code, printed, _ = limner("compare", "one=found.json", "other=found.json")
    assert code == 0 and "color error" in printed


def gray_pictures(here: Path) -> None:
    (here / "photos").mkdir()
    for number in range(6):
        Image.fromarray(smooth(number, channels=1)).convert("RGB").save(here / "photos" / f"{number}.jpg")


def colored_pictures(here: Path) -> None:
    (here / "photos").mkdir()
    for number in range(6):
        Image.fromarray(smooth(number)).save(here / "photos" / f"{number}.png")


TRAIN = f"train translate/gray-to-color --data photos --out new {' '.join(SMALL)}"
CASES = (
    Case("gray pictures alone", TRAIN, "photos: none of the 6 pictures has color, so none can be learned",
         gray_pictures),
    Case("gray targets", f"{TRAIN} --data.colors gray", "leave --data.colors at rgb", colored_pictures),
    Case("another size", f"{TRAIN} --generator.seen-px 36", "seen_px 36 with 3 levels; needed: a multiple of 8",
         colored_pictures),
)  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_mistakes_are_one_line(case: Case, here: Path, limner: CommandLine) -> None:
    check_mistake(case, here, limner)


def test_some_gray_pictures_are_told(here: Path, limner: CommandLine, quick_scores: None) -> None:
    colored_pictures(here)
    Image.fromarray(smooth(9, channels=1)).save(here / "photos" / "gray.png")
    code, _, error = limner(*TRAIN.split(), "--dry-run")
    assert code == 0 and error.count("1 of 7 pictures are gray, and teach that nothing has color") == 1, error
