"""A photo has the same colors, to the bit, on any number of threads."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from drawn_photos import EVENING, draw_colors, draw_photo
from limner.foundation.machine.threads import SUMMED_PARTS, in_one_order, in_parts, in_turn, threads
from limner.photos.profiles import to_profile
from limner.recolor.clips.temporal import recolor_clip
from limner.recolor.matching.features import SOURCES, features_of
from limner.recolor.methods.methods import METHODS, transfer_color
from profile_files import P3, SRGB_CURVE, matrix_profile, parametric

HEIGHT, WIDTH = 333, 451
"""Several tiles of the network, and more than torch leaves to one thread, in both directions."""


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def picture(colors: object = None, height: int = HEIGHT, width: int = WIDTH, seed: int = 0) -> torch.Tensor:
    """A sky over a ground, with a texture, so that superpixels have something to find."""
    drawn = (
        draw_colors(height=height, width=width, seed=seed)
        if colors is None
        else draw_colors(EVENING, height, width, seed)
    )
    rows, columns = np.mgrid[:height, :width]
    waves = 12 * np.sin(rows / 9 + 3 * np.sin(columns / 31)) + 9 * np.cos(columns / 7)
    values = (drawn + waves[..., None]).clip(0, 255) / 255
    return torch.from_numpy(values.astype(np.float32)).permute(2, 0, 1).contiguous()


def on(count: int, work: Callable[[], torch.Tensor]) -> torch.Tensor:
    torch.set_num_threads(count)
    return work()


@pytest.mark.parametrize("method", METHODS)
def test_every_method_gives_the_same_bits(method: str) -> None:
    target, reference = picture(), picture(EVENING, 280, 360, 1)
    mask = torch.linspace(0, 1, WIDTH).expand(HEIGHT, WIDTH)
    options = {"strength": 0.9, "keep_luminance": True, "target_mask": mask, "target_seen": mask > 0.2}
    first = on(1, lambda: transfer_color(target, reference, method, **options).picture)
    for count in (2, 3, 5):
        assert torch.equal(first, on(count, lambda: transfer_color(target, reference, method, **options).picture))


@pytest.mark.parametrize("name", [name for name in SOURCES if name != "vgg19"])
def test_features_are_the_same_bits(name: str) -> None:
    def features() -> torch.Tensor:
        return torch.cat([one.flatten() for tile in features_of(name).tiles(picture()) for one in tile.maps])

    first = on(1, features)
    assert torch.equal(first, on(2, features)) and torch.equal(first, on(4, features))


@pytest.mark.parametrize("method", ["superpixel", "idt-regrain"])
def test_clips_are_the_same_bits(method: str) -> None:
    clip = [picture(height=180, width=240, seed=seed) for seed in range(3)]

    def frames() -> torch.Tensor:
        return torch.stack(list(recolor_clip(clip, [picture(EVENING, 120, 160)], method)))

    assert torch.equal(on(1, frames), on(2, frames))


def test_profiles_give_the_same_bits() -> None:
    wide = matrix_profile(P3, parametric(*SRGB_CURVE))
    large = picture(height=700, width=900)
    first = on(1, lambda: to_profile(large, wide, None))
    assert torch.equal(first, on(2, lambda: to_profile(large, wide, None)))


def test_the_verb_writes_the_same_bytes(here: Path, limner: Callable[..., tuple[int, str, str]]) -> None:
    draw_photo(here / "a.png", height=200, width=300)
    draw_photo(here / "b.png", EVENING, 150, 220)
    files = []
    for count in (1, 2):
        torch.set_num_threads(count)
        assert limner("recolor", "a.png", "--like", "b.png", "--out", f"{count}.png")[0] == 0
        assert limner("recolor", "a.png", "--like", "b.png", "--method", "sct", "--out", f"{count}/a.cube")[0] == 0
        numbers = json.loads((here / f"{count}.png.json").read_text())["numbers"]
        numbers = {name: value for name, value in numbers.items() if name not in ("seconds", "stages")}
        files.append(((here / f"{count}.png").read_bytes(), (here / f"{count}/a.cube").read_bytes(), numbers))
    assert files[0] == files[1]


def test_work_is_cut_alike_where_results_are_added_up() -> None:
    parts = {count: [] for count in (1, 2, 7)}  # type: ignore[var-annotated]
    for count, found in parts.items():
        torch.set_num_threads(count)
        found += in_parts(lambda start, stop: (start, stop), 100, parts=SUMMED_PARTS)
    assert parts[1] == parts[2] == parts[7] and len(parts[1]) == SUMMED_PARTS
    assert in_parts(lambda start, stop: stop - start, 3, parts=SUMMED_PARTS) == [1, 1, 1]


def test_threads_are_given_back() -> None:
    torch.set_num_threads(3)
    with in_one_order():
        assert (torch.get_num_threads(), threads()) == (1, 3)
        with in_one_order():
            assert threads() == 3
        assert list(in_turn(lambda item: (item, torch.get_num_threads()), range(5))) == [(item, 1) for item in range(5)]
        assert torch.get_num_threads() == 1
    assert (torch.get_num_threads(), threads()) == (3, 3)
    assert list(in_turn(lambda _: torch.get_num_threads(), range(4))) == [1] * 4
    assert torch.get_num_threads() == 3


def test_an_error_in_a_part_is_raised_and_what_waits_is_left() -> None:
    done = []

    def work(item: int) -> int:
        if item == 2:
            raise RuntimeError("the third")
        done.append(item)
        return item

    with pytest.raises(RuntimeError, match="the third"):
        list(in_turn(work, range(1000), ahead=2))
    assert len(done) < 1000
