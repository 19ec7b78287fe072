"""The ground that a run was refined on, kept out of every score, in whatever file it comes again.

It is known by where it lies on the Earth: a copy of the scene, its chips, a mosaic of them or the scene in another
reference system show the same ground. A picture without a georeference is known by its pixels.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NotRequired, TypedDict

import numpy as np

from limner.foundation.errors import UserError
from limner.foundation.files.documents import as_record
from limner.foundation.files.writing import replacing
from limner.learning.runs.run import Run
from limner.reporting.pictures import IGNORE
from limner.scenes.rasters import Raster, open_raster
from limner.scenes.windows import Window, row_bands
from limner.segment.data.annotation import ANNOTATED_FILE
from limner.segment.data.chips import Chip
from limner.segment.labels.alignment import is_aligned, read_onto, shows_ground_of
from limner.segment.labels.masks import open_mask, read_numbers

ANNOTATED = "annotated"
"""In ``run.json``: the masks of a refined run, and what they were drawn on."""
BEFORE = "annotated-before"
"""In a run's folder: the masks of the runs before it, where one was refined again."""


class _PartTold(TypedDict):
    file: str
    scene: str
    pixels: NotRequired[str | None]


@dataclass(frozen=True)
class AnnotatedPart:
    """A mask of annotated ground (255 = nobody annotated) and the scene that it was drawn on.

    pixels: a digest of the scene's, where the scene has no georeference.
    """

    mask: Path
    scene: str
    pixels: str | None = None

    @classmethod
    def of(cls, mask: Path, chip: Chip) -> "AnnotatedPart":
        """The part of a mask that was drawn on a chip."""
        with chip.open() as picture:
            pixels = None if picture.georeferenced else pixels_digest(picture)
        return cls(mask, str(chip.image.resolve()), pixels)

    def to_json(self, folder: Path) -> dict[str, Any]:
        """What ``run.json`` in a run's folder keeps of it."""
        return {"file": self.mask.relative_to(folder).as_posix(), "scene": self.scene, "pixels": self.pixels}

    def is_drawn_on(self, picture: Raster) -> bool:
        """Whether a picture that cannot be placed on the Earth is the scene itself."""
        if self.pixels is not None:
            return self.pixels == pixels_digest(picture)
        if str(picture.path.resolve()) == self.scene:
            return True
        try:  # the run says nothing of the pixels: it is of an earlier limner, or the scene has a georeference
            with open_raster(Path(self.scene), bands=picture.chosen) as scene:
                return pixels_digest(scene) == pixels_digest(picture)
        except UserError:
            return False


@dataclass
class AnnotatedGround:
    """All ground that a run and those before it were refined on. hidden: whether a score has met any of it so far."""

    parts: Sequence[AnnotatedPart] = ()
    hidden: bool = False
    _of_chips: dict[Chip, list[AnnotatedPart]] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.parts)

    def hide(self, chip: Chip, window: Window, mask: np.ndarray) -> None:
        """Set the mask (height, width) of a chip's window to 255 where the ground was annotated."""
        if chip not in self._of_chips:
            self._of_chips[chip] = [part for part in self.parts if _shows(chip, part)]
        for part in self._of_chips[chip]:
            with open_mask(part.mask) as ground, chip.open() as picture:
                if is_aligned(ground, picture):
                    values, known = read_numbers(ground, window)
                else:
                    values, known = read_onto(picture, ground, window, read_numbers)
            counted = known & (values != IGNORE) & (mask != IGNORE)  # a window may reach beyond its chip
            mask[counted] = IGNORE
            self.hidden |= bool(counted.any())

    def copied(self, folder: Path) -> Iterator[AnnotatedPart]:
        """The parts with their masks copied into another run's folder, beside its own."""
        for number, part in enumerate(self.parts, start=1):
            mask = folder / BEFORE / f"{number}.tif"
            with replacing(mask) as temporary:
                temporary.write_bytes(part.mask.read_bytes())
            yield AnnotatedPart(mask, part.scene, part.pixels)


def annotated_ground(run: Run) -> AnnotatedGround:
    """The ground that a run was refined on; none for a run that was not refined.

    Raises `UserError` where its refining was stopped before its end, or ``run.json`` does not say what was annotated.
    """
    mask = run.folder / ANNOTATED_FILE
    if not mask.exists():
        return AnnotatedGround()
    status = run.status
    source, advice = str(run.folder / "run.json"), "the run is damaged, refine again"
    if ANNOTATED in status:
        told = as_record(status[ANNOTATED], list[_PartTold], source, advice, ANNOTATED)
    elif "refined_on" in status:  # by limner 0.1.0
        told = [{"file": mask.name, "scene": as_record(status["refined_on"], str, source, advice, "refined_on")}]
    else:
        raise UserError(f"{run.folder}: its refining was stopped before it ended; run the same command again first")
    return AnnotatedGround([_part_of(run, one) for one in told])


def _part_of(run: Run, told: Mapping[str, Any]) -> AnnotatedPart:
    name = Path(told["file"])
    mask = run.folder / name
    if name.is_absolute() or ".." in name.parts or not mask.is_file():
        raise UserError(f"{mask}: is gone, which says what no score may count; refine again")
    return AnnotatedPart(mask, told["scene"], told.get("pixels"))


def _shows(chip: Chip, part: AnnotatedPart) -> bool:
    with open_mask(part.mask) as ground, chip.open() as picture:
        if ground.georeferenced and picture.georeferenced:
            return shows_ground_of(picture, ground)
        return (ground.height, ground.width) == (picture.height, picture.width) and part.is_drawn_on(picture)


def pixels_digest(raster: Raster) -> str:
    """A digest of all that is to be seen in a raster, whatever file holds it."""
    sums = hashlib.sha256(repr((raster.bands, raster.dtype, raster.height, raster.width)).encode())
    for window in row_bands(raster.height, raster.width):
        values, valid = raster.read(window)
        sums.update((values * valid).tobytes())
        sums.update(valid.tobytes())
    return sums.hexdigest()[:16]
