"""Settings that all recipes of this room have: how weights begin, and how networks move."""

from typing import Any

from limner.learning.recipes.recipe import choice


def beginning_setting(name: str) -> Any:
    """How weights begin, by default as ``name`` says."""
    what = "how weights begin; default: as torch's layers do"
    return choice(name, what, "limner.translate.networks.beginning:INITIALIZATIONS", ("network", "generator"))


def optimizer_setting(what: str) -> Any:
    """An optimizer, by default Adam. what: it moves, in words."""
    return choice("adam", what, "limner.learning.loop.optimizers:OPTIMIZERS", ("parameters",))


def schedule_setting(what: str = "how both learning rates change") -> Any:
    """The schedule of both learning rates, by default none."""
    return choice("constant", what, "limner.learning.loop.optimizers:SCHEDULES")
