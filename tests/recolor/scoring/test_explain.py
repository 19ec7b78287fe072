"""What is drawn and written of a superpixel transfer is what its matching holds."""

import csv

import numpy as np
import pytest
import torch
from PIL import Image

from limner.foundation.errors import UserError
from limner.recolor.matching.attention import attend, row_perplexity
from limner.recolor.methods.methods import transfer_color
from limner.recolor.methods.superpixel import SuperpixelOptions
from limner.recolor.scoring.explain import TABLE, choose, explain, find_matches, group
from limner.recolor.superpixels.drawing import BORDER, Drawing, heat_colors
from limner.recolor.superpixels.pooling import measure_regions

SIZES = [(33, 47), (1, 60), (60, 1), (1, 1)]


def drawn(height, width, seed=0):
    """A picture of a few soft fields of color."""
    coarse = torch.rand(3, 4, 5, generator=torch.Generator().manual_seed(seed))
    return torch.nn.functional.interpolate(coarse[None], (height, width), mode="bilinear")[0].contiguous()


def transferred(target, *references, reference_masks=(), **options):
    of_method = SuperpixelOptions(features="lab-gradient", **options)
    return transfer_color(target, references, of_method, reference_masks=reference_masks)


def rows_of(path):
    with path.open(encoding="utf-8", newline="") as file:
        return [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]


def column(rows, *names):
    return torch.tensor([[row[name] for name in names] for row in rows]).squeeze(1)


def test_the_table_holds_the_numbers_of_the_matching(tmp_path):
    target, references = drawn(33, 47), [drawn(29, 40, 1), drawn(50, 31, 2)]
    done = transferred(target, *references)
    explain(tmp_path, target, references, done)
    rows, matching = rows_of(tmp_path / "matches.csv"), done.matching
    assert list(rows[0]) == list(TABLE)
    weights = matching.attention()
    assert column(rows, "superpixel").tolist() == list(range(len(weights)))
    assert column(rows, "best").tolist() == weights.argmax(1).tolist()
    close = {"rtol": 0, "atol": 6e-5}  # four digits are written
    torch.testing.assert_close(column(rows, "share"), weights.amax(1), **close)
    torch.testing.assert_close(column(rows, "perplexity"), row_perplexity(weights), **close)
    own = measure_regions(target, matching.target_labels)
    assert column(rows, "pixels").tolist() == own.count.tolist()
    torch.testing.assert_close(column(rows, "red", "green", "blue"), own.colors, **close)
    wanted = done.fusion.colors
    assert not torch.allclose(wanted, attend(matching).colors, atol=0.01)  # diffused, and spread to the palette
    torch.testing.assert_close(column(rows, "new_red", "new_green", "new_blue"), wanted, **close)


def test_places_in_the_table_are_pixels_of_the_right_picture(tmp_path):
    target, references = drawn(33, 47), [drawn(29, 40, 1), drawn(50, 31, 2)]
    done = transferred(target, *references)
    explain(tmp_path, target, references, done)
    rows, matching = rows_of(tmp_path / "matches.csv"), done.matching
    assert {row["reference"] for row in rows} == {1, 2}
    for row in rows:
        labels = matching.reference_labels[int(row["reference"]) - 1]
        for numbers, number, names in (
            (matching.target_labels, row["superpixel"], ("row", "column")),
            (labels, row["best"], ("best_row", "best_column")),
        ):
            places = (numbers == int(number)).nonzero().double().mean(0)
            assert [row[name] for name in names] == pytest.approx(places.tolist(), abs=1e-3)


def test_without_completion_the_new_colors_are_those_of_the_attention(tmp_path):
    target, reference = drawn(33, 47), drawn(29, 40, 1)
    done = transferred(target, reference, palette=0.0, diffusion=0.0, contrast=0.0)
    explain(tmp_path, target, [reference], done)
    new = column(rows_of(tmp_path / "matches.csv"), "new_red", "new_green", "new_blue")
    torch.testing.assert_close(new, attend(done.matching).colors, rtol=0, atol=6e-5)


@pytest.mark.parametrize("size", SIZES)
def test_pictures_of_any_size_are_explained(tmp_path, size):
    target, reference = drawn(*size), drawn(*size[::-1], 1)
    files = explain(tmp_path / "new", target, [reference], transferred(target, reference))
    assert sorted(files) == sorted((tmp_path / "new").iterdir())
    for path in files[:-1]:
        with Image.open(path) as picture:
            assert picture.mode == "RGB" and min(picture.size) >= 1


def test_constant_pictures_are_explained(tmp_path):
    target, reference = torch.full((3, 20, 30), 0.2), torch.full((3, 25, 20), 0.7)
    explain(tmp_path, target, [reference], transferred(target, reference))
    new = column(rows_of(tmp_path / "matches.csv"), "new_red", "new_green", "new_blue")
    torch.testing.assert_close(new, torch.full_like(new, 0.7), rtol=0, atol=2e-3)


def test_what_a_mask_leaves_out_is_hatched_and_never_matched(tmp_path):
    target, reference = drawn(33, 47), drawn(40, 40, 1)
    mask = torch.zeros(40, 40)
    mask[:, :20] = 1
    done = transferred(target, reference, reference_masks=[mask])
    explain(tmp_path, target, [reference], done)
    assert (done.matching.reference_labels[0] < 0).any()
    assert max(row["best_column"] for row in rows_of(tmp_path / "matches.csv")) < 24


def test_a_method_without_attention_is_told_in_one_line(tmp_path):
    target, reference = drawn(20, 30), drawn(20, 30, 1)
    for method in ("mkl", "sct"):
        with pytest.raises(UserError, match=f"--explain shows what the method superpixel looks at; {method} has no"):
            explain(tmp_path / "none", target, [reference], transfer_color(target, reference, method))
    assert not (tmp_path / "none").exists()


def test_the_hottest_superpixel_has_the_hottest_color_and_the_rest_stays_gray():
    labels = torch.arange(4).repeat_interleave(5).repeat(10, 1)
    cell = Drawing.at_size(torch.full((3, 10, 20), 0.5), labels, 20)
    heat = cell.heat(np.array([0.0, 0.5, 0.0, 0.25]))
    assert np.abs(heat[:, 5:10] - heat_colors(np.ones(1))).max() < 1
    assert np.abs(heat[:, 15:] - heat_colors(np.full(1, 0.5))).max() < 1
    for gray in (heat[:, :5], heat[:, 10:15]):
        assert (gray == gray[0, 0, 0]).all()


def test_labels_stay_on_their_pixels_at_every_size():
    labels = torch.zeros(30, 40, dtype=torch.int32)
    labels[:10, 20:] = 1
    colors = torch.tensor([[1.0, 0, 0], [0, 0, 1.0]])
    picture = colors[labels.long()].permute(2, 0, 1)
    for longest in (20, 40, 80):
        cell = Drawing.at_size(picture, labels, longest)
        assert max(cell.picture.shape) == longest
        assert np.abs(cell.flat(colors).astype(int) - cell.picture).mean() < 8  # shrinking mixes along the border


def test_borders_lie_between_superpixels_and_nowhere_else():
    labels = torch.zeros(8, 8, dtype=torch.int32)
    labels[:, 4:] = 1
    shown = Drawing.at_size(torch.zeros(3, 8, 8), labels, 8).bordered()
    assert (shown[:, 3] == BORDER).all()
    assert (shown[:, :3] == 0).all() and (shown[:, 4:] == 0).all()


def test_a_marked_superpixel_is_ringed_and_one_that_shrank_away_changes_nothing():
    labels = torch.zeros(100, 100, dtype=torch.int32)
    labels[40:60, 40:60] = 1
    cell = Drawing.at_size(torch.zeros(3, 100, 100), labels, 100)
    rows, columns = np.nonzero((cell.marked(1) == BORDER).all(-1))
    assert 20 <= rows.min() < 40 and 60 <= columns.max() < 80
    assert (cell.marked(7, "7") == cell.picture).all()


def test_the_region_looked_at_most_is_the_one_with_the_largest_sum():
    done = transferred(drawn(33, 47), drawn(29, 40, 1))
    regions = done.matching.reference_regions
    groups = group(regions.colors, 4)
    sums = torch.stack([done.matching.attention()[:, groups == number].sum(1) for number in range(4)], dim=1)
    assert find_matches(done.matching, groups).regions.tolist() == sums.argmax(1).tolist()


def test_groups_are_never_empty_and_like_points_are_one_group():
    points = torch.rand(60, 3, generator=torch.Generator().manual_seed(3))
    groups = group(points, 7)
    assert sorted(groups.unique().tolist()) == list(range(7))
    assert group(torch.ones(9, 3), 7).tolist() == [0] * 9
    assert group(points[:3], 7).unique().numel() == 3


def test_chosen_superpixels_show_all_colors_of_a_picture():
    picture = torch.zeros(3, 30, 60)
    picture[0, :, :20] = picture[1, :, 20:40] = picture[2, :, 40:] = 1
    labels = (torch.arange(30)[:, None] // 10 * 6 + torch.arange(60) // 10).to(torch.int32)
    regions = measure_regions(picture, labels)
    chosen = choose(regions, 3)
    assert sorted(regions.colors[chosen].argmax(1).tolist()) == [0, 1, 2]
