"""Pictures come to one size and mode, in memory or streamed alike."""

from pathlib import Path

import pytest
import torch
from PIL import Image

from drawn_pictures import draw_shape
from limner.classify.data.examples import cropped, load_examples
from limner.classify.data.found import Found
from limner.classify.data.sources import find_pictures
from limner.foundation.errors import UserError


@pytest.fixture
def shapes(tmp_path: Path) -> Path:
    for number in range(8):
        kind = ("box", "disk")[number % 2]
        (tmp_path / kind).mkdir(exist_ok=True)
        Image.fromarray(draw_shape(kind, number, 40 + number)).save(tmp_path / kind / f"{number}.jpg")
    return tmp_path


def read(found: Found, memory: str, colors: str = "rgb") -> torch.Tensor:
    examples = load_examples(found, size_px=33, colors=colors, memory=memory)  # type: ignore[arg-type]
    assert (examples.pictures is None) == (memory == "stream")
    assert ("streamed from disk" in examples.summary()) == (memory == "stream")
    return examples.read(torch.tensor([5, 0, 5, 7]))


@pytest.mark.parametrize("colors", ["rgb", "gray"])
def test_streamed_pictures_are_those_that_memory_holds(shapes: Path, colors: str) -> None:
    found = find_pictures([shapes])
    streamed = read(found, "stream", colors)
    assert (streamed.shape, streamed.dtype) == ((4, 3 if colors == "rgb" else 1, 33, 33), torch.uint8)
    assert torch.equal(streamed, read(found, "memory", colors))


def test_a_set_larger_than_memory_is_streamed_by_itself(shapes: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("limner.classify.data.examples.SHARE_OF_MEMORY", 1e-12)
    found = find_pictures([shapes])
    assert load_examples(found, size_px=32, colors="rgb").pictures is None
    with pytest.raises(UserError, match=r"GB of memory are free; give data.memory stream"):
        load_examples(found, size_px=32, colors="rgb", memory="memory")


def test_broken_pictures_are_told_with_how_many_there_are(shapes: Path) -> None:
    for number in (2, 4):
        path = shapes / "box" / f"{number}.jpg"
        path.write_bytes(path.read_bytes()[:300])
    found = find_pictures([shapes])
    with pytest.raises(UserError, match=r"box/2.jpg: cut short or damaged .*\(and 1 more of 8 cannot be read\)"):
        load_examples(found, size_px=32, colors="rgb")
    streamed = load_examples(found, size_px=32, colors="rgb", memory="stream", fit="crop")
    with pytest.raises(UserError, match=r"box/2.jpg: cut short or damaged"):
        streamed.read(torch.tensor([1]))


def test_the_middle_is_cropped() -> None:
    pictures = torch.arange(25).view(1, 1, 5, 5)
    assert cropped(pictures, 3).flatten().tolist() == [6, 7, 8, 11, 12, 13, 16, 17, 18]
    assert torch.equal(cropped(pictures, 5), pictures)
