"""A finished training's report can be read: of many classes as of two."""

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from drawn import Picture, TinyNetwork, recipe_for, save_area
from limner.learning.runs.run import Run
from limner.learning.train import train_recipe
from limner.reporting.report import Report
from limner.scenes.windows import Pixels, Window
from limner.segment.data.chips import Chip
from limner.segment.measures.counts import Counts
from limner.segment.measures.scores import Evaluation, Protocol
from limner.segment.measures.tally import ScoredCell
from limner.segment.measures.tile_scores import TileScores
from limner.segment.networks import NETWORKS
from limner.segment.training.report import add_classes

COLORS = np.array([(60, 110, 70), (190, 90, 70), (70, 90, 180)])


@pytest.fixture(autouse=True, scope="module")
def quiet_machine() -> Iterator[None]:
    """The tiny network is known, numbers are float32 on any processor, and threads do not fight."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(NETWORKS, "tiny", TinyNetwork)
        patch.setattr("limner.foundation.machine.precision.processor_has_bf16", lambda: False)
        yield
    torch.set_num_threads(threads)


def draw_classes(seed: int) -> Picture:
    """Squares of 16 px of three classes, each of its color, with noise."""
    generator = np.random.default_rng(seed)
    mask = np.kron(generator.integers(0, 3, (8, 8)), np.ones((16, 16), int)).astype(np.uint8)
    values = COLORS[mask].transpose(2, 0, 1) + generator.normal(0, 40, (3, 128, 128))
    return Picture(values.clip(1, 255).astype(np.uint8), mask)


def table(html: str, first: str) -> list[list[str]]:
    """The cells of the table whose first head is ``first``."""
    for part in html.split("<table")[1:]:
        body = part.split("</table>")[0]
        rows = [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.DOTALL) for row in body.split("<tr")[1:]]
        if rows[0][0].strip() == first:
            return [[re.sub(r"<[^>]*>", "", cell).strip() for cell in row] for row in rows]
    raise AssertionError(f"no table {first}")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A short training on three classes."""
    folder = tmp_path_factory.mktemp("classes")
    save_area(folder / "town", [draw_classes(seed) for seed in range(4)])
    recipe = recipe_for(folder, [folder / "town"], "--epochs", "1", "--data.target", "none")
    return train_recipe(recipe, "classes", out=folder / "run").run


def test_the_report_of_three_classes_has_their_scores_and_what_was_taken_for_what(trained: Run) -> None:
    html = (trained.folder / "report.html").read_text(encoding="utf-8")
    classes = table(html, "class")
    assert [row[0] for row in classes] == ["class", "class 0", "class 1", "class 2"]
    assert sum(float(row[-1].removesuffix(" %")) for row in classes[1:]) == pytest.approx(100, abs=0.02)
    confused = table(html, "truth")
    assert confused[0] == ["truth", "class 0", "class 1", "class 2"]
    assert all(abs(sum(map(int, row[1:])) - 100) <= 1 for row in confused[1:])


def test_the_worst_tiles_stand_in_the_report_and_beside_the_pictures_and_are_no_example(trained: Run) -> None:
    html = (trained.folder / "report.html").read_text(encoding="utf-8")
    assert (trained.folder / "pictures" / "worst.jpg").is_file()
    shown = {
        title: re.split(rf"<h2[^>]*>{title}", html)[1].split("</section>")[0] for title in ("Examples", "Worst tiles")
    }
    for section in shown.values():
        assert section.count("<img") == 1 and "a wrong pixel has the color of the class it was called" in section
    example, worst = (section.split('src="')[1].split('"')[0] for section in shown.values())
    assert example != worst


def test_a_class_that_never_occurs_has_no_score_and_does_not_spoil_the_mean() -> None:
    generator = np.random.default_rng(0)
    truth, called = (generator.integers(0, 10, 4000).astype(np.uint8) for _ in range(2))
    names = tuple(f"class {number}" for number in range(11))
    protocol = Protocol("all labelled pixels")
    eleven = Evaluation({"a": Counts.of(truth, called, 11)}, protocol, names)
    ten = Evaluation({"a": Counts.of(truth, called, 10)}, protocol, names[:10])
    assert eleven.mean() == pytest.approx(ten.mean())
    (line,) = [line for line in eleven.to_markdown().splitlines() if line.startswith("| class 10 |")]
    assert line == "| class 10 | 0.00 | - | - | - | - | 10.30 |"
    html = add_classes(Report("eleven"), eleven).to_html()
    assert table(html, "class")[-1] == ["class 10", "–", "–", "–", "–", "0.00 %"]
    confused = table(html, "truth")
    assert len(confused) == 12 and confused[-1] == ["class 10", *["–"] * 11]
    assert [row[-1] for row in confused[1:-1]] == ["0"] * 10


def test_the_report_tells_how_tiles_differ_and_how_the_run_was_made(trained: Run) -> None:
    html = (trained.folder / "report.html").read_text(encoding="utf-8")
    assert "Tile by tile" in html and "How many tiles have which F1." not in html  # of one block, quarters say nothing
    example = html.split("The first tile of its area with an object")[0].rpartition("<figure>")[2]
    assert [
        f'<div class="label">{name}</div>' in example for name in ("picture", "truth", "errors", "probability")
    ] == [True] * 4
    network = dict(table(html, "of the network")[1:])
    assert network["network"] == "tiny" and network["takes"] == "3 bands of uint8, unknown"
    settings = dict(table(html, "setting")[1:])
    assert settings["data.crop_px"] == "64" and settings["optimizer.learning_rate"] == "0.01"
    assert settings["seed"] == "0" and not any("paths" in name for name in settings)
    assert str(trained.folder.parent) not in str(settings)


def test_tiles_without_an_object_have_no_f1_and_the_first_with_one_is_the_example(drawn_figures: None) -> None:
    masks = [np.zeros((8, 8), np.uint8), np.eye(8, dtype=np.uint8), np.ones((8, 8), np.uint8)]
    chip = Chip("town", Path("town.tif"), None, None, 24, 8)
    tiles = TileScores([chip], ("background", "roof"))
    pixels = Pixels(np.full((3, 8, 8), 90, np.uint8), np.ones((8, 8), bool))
    for number, mask in enumerate(masks):
        place = Window(8 * number, 0, 8, 8)
        said = np.stack([1 - 0.75 * mask, 0.75 * mask]).astype(np.float32)
        tiles(ScoredCell("town", 0, Window(0, 0, 24, 8), place, pixels, mask, masks[1], None, said))
    assert tiles.f1 == [0.0, 1.0, pytest.approx(16 / 72)]
    (example,) = tiles.examples
    assert example.f1 == 1.0 and example.name == "town: town.tif"
    *_, probability = example.pictures
    assert probability.shape == (8, 8, 3)
    assert probability[0, 0].tolist() == [191] * 3 and probability[0, 1].tolist() == [0] * 3
    assert tiles.draw().ndim == 3
