"""What a look at data says, whatever it is of: problems, warnings, a contact sheet and the next command."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor

from limner.datasets.pictures.duplicates import find_groups
from limner.translate.data.reading import as_float
from limner.translate.data.thumbnails import thumbnails

LISTED, SHOWN, FEW = 10, 6, 50
UNEQUAL = 4

Sizes = tuple[tuple[tuple[int, int], int], ...]
"""The most frequent (width, height), each with how many pictures have it."""


@dataclass(frozen=True)
class CheckReport:
    """What `check` found. problems stop a training; warnings may be intended. sheet: where one was written."""

    problems: tuple[str, ...]
    warnings: tuple[str, ...]
    next_command: str
    sheet: str | None

    @property
    def usable(self) -> bool:
        """Whether training would start on this data."""
        return not self.problems

    def heading(self) -> list[str]:
        """What there is, as lines for a terminal; none where nothing could be read."""
        raise NotImplementedError

    def to_json(self) -> dict[str, Any]:
        """Everything, as JSON holds it."""
        return {**asdict(self), "usable": self.usable}

    def to_text(self) -> str:
        """The same for a terminal."""
        lines = self.heading()
        for title, found in (("Problems", self.problems), ("Warnings", self.warnings)):
            if found:
                lines += [title, "", *(f"- {line}" for line in found[:LISTED])]
                lines += [f"- and {len(found) - LISTED} more"] if len(found) > LISTED else []
                lines += [""]
        lines += [f"Contact sheet: {self.sheet}", ""] if self.sheet else []
        return "\n".join([*lines, f"Next: {self.next_command}"])


def sizes_of(pictures: Sequence[Tensor]) -> Sizes:
    """The five most frequent sizes."""
    return tuple(Counter((each.shape[2], each.shape[1]) for each in pictures).most_common(5))


def told_sizes(sizes: Sizes) -> str:
    """Sizes with their counts, for people."""
    return ", ".join(f"{width} x {height} px ({count:,})" for (width, height), count in sizes)


def unequal_warnings(counts: Mapping[str, int], what: str) -> list[str]:
    """Whether some kinds have many times the pictures of others. what: "domain" or "class"."""
    if counts and min(counts.values()) and max(counts.values()) > UNEQUAL * min(counts.values()):
        return [f"one {what} has more than four times as many pictures as another: the small one is seen often"]
    return []


def twins_of(pictures: Sequence[Tensor]) -> int:
    """How many pictures look like another one."""
    return len(pictures) - len(find_groups(thumbnails(pictures)).unique()) if len(pictures) > 1 else 0


def shared_warnings(read: Mapping[str, Sequence[Tensor]]) -> list[str]:
    """Which kinds hold the same pictures, pixel by pixel."""
    kept, found = {name: set(map(key_of, pictures)) for name, pictures in read.items()}, []
    names = list(kept)
    for place, name in enumerate(names):
        for other in names[place + 1 :]:
            if shared := len(kept[name] & kept[other]):
                found.append(f"{shared} pictures stand in both {name} and {other}")
    return found


def key_of(picture: Tensor) -> bytes:
    """What only an equal picture has, too."""
    return repr(tuple(picture.shape)).encode() + picture.numpy().tobytes()


def spread_over(pictures: Sequence[Tensor]) -> list[Tensor]:
    """Some pictures, evenly."""
    return [pictures[int(place)] for place in torch.linspace(0, len(pictures) - 1, min(SHOWN, len(pictures))).long()]


def pixels_of(picture: Tensor) -> Any:
    """(H, W, C) uint8."""
    return (as_float(picture) * 255).round().byte().permute(1, 2, 0).numpy()
