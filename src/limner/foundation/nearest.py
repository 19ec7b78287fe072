"""What a wrong name may have meant."""

from collections.abc import Iterable
from difflib import SequenceMatcher

SHOWN = 12
"""Names that are listed where none is near."""
LIKENESS = 0.6
"""How alike a name must be to be meant, from 0 to 1 (Ratcliff and Obershelp, as difflib measures it)."""
HARDLY_LESS = 0.02
"""Names that are less alike than the nearest by no more than this are offered beside it."""


def near_names(name: str, known: Iterable[str], likeness: float = LIKENESS) -> list[str]:
    """The known names nearest to ``name``: one, or several that are equally near, in their own order.

    Whether letters are large or small does not matter.

    >>> near_names("Cra", ["car", "truck", "cat"])
    ['car', 'cat']
    """
    matcher = SequenceMatcher(b=name.lower())
    alike = {}
    for one in known:
        matcher.set_seq1(one.lower())
        alike[one] = matcher.ratio()
    least = max(likeness, max(alike.values(), default=0.0) - HARDLY_LESS)
    return [one for one, ratio in alike.items() if ratio >= least]


def did_you_mean(name: str, known: Iterable[str], likeness: float = LIKENESS) -> str:
    """The second half of an error line about a name that is not there.

    >>> did_you_mean("cra", ["car", "truck"])
    "did you mean 'car'?"
    >>> did_you_mean("zebra", ["car", "truck"])
    'known: car, truck'
    """
    names = list(known)
    if near := near_names(name, names, likeness):
        return f"did you mean {' or '.join(repr(one) for one in near[:3])}?"
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return f"known: {', '.join(names[:SHOWN]) or 'none'}{more}"
