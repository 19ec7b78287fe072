"""The nearest of known names, for whoever mistyped one."""

import difflib
from collections.abc import Iterable


def did_you_mean(name: str, known: Iterable[str], cutoff: float = 0.6) -> str:
    """What to say after "unknown ...;".

    cutoff: how alike a name must be to be meant, from 0 to 1.

    >>> did_you_mean("epoch", ["epochs", "batch"]), did_you_mean("x", ["epochs", "batch"])
    ("did you mean 'epochs'?", 'known: epochs, batch')
    """
    names = list(known)
    near = difflib.get_close_matches(name, names, 1, cutoff)
    return f"did you mean '{near[0]}'?" if near else f"known: {', '.join(names) or 'none'}"
