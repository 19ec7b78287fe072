"""What a wrong name may have meant."""

import difflib
from collections.abc import Iterable

SHOWN = 12
"""Names that are listed where none is near."""
LIKENESS = 0.6
"""How alike a name must be to be meant, from 0 to 1 (Ratcliff and Obershelp, as difflib measures it)."""


def near_names(name: str, known: Iterable[str], most: int = 1, likeness: float = LIKENESS) -> list[str]:
    """The known names nearest to ``name``, the nearest first; whether letters are large or small does not matter.

    >>> near_names("Cra", ["car", "truck", "cars"], most=2)
    ['car', 'cars']
    """
    lowered = {one.lower(): one for one in reversed(list(known))}
    return [lowered[one] for one in difflib.get_close_matches(name.lower(), lowered, most, likeness)]


def did_you_mean(name: str, known: Iterable[str], likeness: float = LIKENESS) -> str:
    """The second half of an error line about a name that is not there.

    >>> did_you_mean("cra", ["car", "truck"])
    "did you mean 'car'?"
    >>> did_you_mean("zebra", ["car", "truck"])
    'known: car, truck'
    """
    names = list(known)
    if near := near_names(name, names, likeness=likeness):
        return f"did you mean '{near[0]}'?"
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return f"known: {', '.join(names[:SHOWN]) or 'none'}{more}"
