"""Which bands of a raster are read, and whether they are those that a run learned."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from limner.foundation.errors import UserError
from limner.foundation.progress import counted

if TYPE_CHECKING:
    from limner.scenes.rasters import Raster

Bands = str | Sequence[int | str] | None
"""Numbers of bands as users give them: ``"3,2,1"``, ``["3,2,1"]``, ``[3, 2, 1]``."""


def parse_bands(wanted: Bands) -> tuple[int, ...] | None:
    """The numbers of bands that a user named, in order; None for none named. `UserError` for what are none.

    >>> parse_bands("3,2,1"), parse_bands(["3,2", "1"]), parse_bands((4, 1)), parse_bands(None)
    ((3, 2, 1), (3, 2, 1), (4, 1), None)
    """
    if wanted is None:
        return None
    words = [
        part.strip() for item in ([wanted] if isinstance(wanted, str) else wanted) for part in str(item).split(",")
    ]
    for word in words:
        if not (word.isascii() and word.isdecimal() and int(word) > 0):
            raise UserError(f"--bands got '{word}'; needed: numbers of bands from 1, such as 3,2,1")
    numbers = tuple(map(int, words))
    if not numbers:
        raise UserError("--bands is empty; needed: numbers of bands from 1, such as 3,2,1")
    if len(set(numbers)) < len(numbers):
        raise UserError(
            f"--bands {','.join(map(str, numbers))} names a band twice; each band of the network needs one of its own"
        )
    return numbers


def check_bands(raster: "Raster", channels: int, names: Sequence[str] | None) -> None:
    """Raise `UserError` where the bands that ``raster`` gives cannot be those of a run.

    channels, names: of the run's bands. Names are compared only where nobody chose the bands.
    """
    trained = f"{channels} ({', '.join(names)})" if names else f"{channels}"
    if raster.chosen is not None:
        if raster.bands != channels:
            raise UserError(
                f"--bands {_listed(raster.chosen)} has {raster.bands}; the network was trained on {trained}"
            )
        return
    if raster.bands != channels:
        likely = _listed(_likely(raster.band_names, names, channels))
        advice = "give a scene with all of them, or train on scenes like this one"
        if raster.bands > channels:
            named = names is not None and set(names) <= set(raster.band_names or ())
            advice = (
                f"choose them with --bands {likely}" if named else f"choose those that stand for them, {_guess(likely)}"
            )
        raise UserError(
            f"{raster.path}: has {counted(raster.bands, 'band')}, the network was trained on {trained}; {advice}"
        )
    if names and raster.band_names and tuple(names) != raster.band_names:
        likely = _listed(_likely(raster.band_names, names, channels))
        same = set(names) == set(raster.band_names)
        raise UserError(
            f"{raster.path}: its bands are {', '.join(raster.band_names)}; the run was trained on {', '.join(names)}; "
            + (f"add --bands {likely}" if same else f"say which stand for them, such as --bands {likely}")
        )


def _likely(found: Sequence[str] | None, wanted: Sequence[str] | None, channels: int) -> tuple[int, ...]:
    """Numbers of the bands called as the run's are, or the first ones."""
    if found and wanted and len(set(found)) == len(found) and set(wanted) <= set(found):
        return tuple(found.index(name) + 1 for name in wanted)
    return tuple(range(1, channels + 1))


def _guess(first: str) -> str:
    """What may be right where no band has a name: cameras store red first, most satellites blue."""
    if first != "1,2,3":
        return f"such as --bands {first}"
    return "such as --bands 1,2,3 where red is stored first, or --bands 3,2,1 where blue is, as on most satellites"


def _listed(numbers: Sequence[int]) -> str:
    return ",".join(map(str, numbers))
