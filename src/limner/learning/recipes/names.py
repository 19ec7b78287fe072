"""The names of a recipe's settings, and which of them a wrong one may have meant."""

import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, get_type_hints

import yaml

from limner.foundation.nearest import near_names
from limner.learning.recipes.nodes import name_of, value_of
from limner.learning.recipes.recipe import default_of, options_of
from limner.learning.recipes.unimported import parameters_of

ALIASES = {
    "lr": "learning_rate", "learningrate": "learning_rate", "wd": "weight_decay", "decay": "weight_decay",
    "batch_size": "batch", "bs": "batch", "num_epochs": "epochs", "max_epochs": "epochs", "n_epochs": "epochs",
    "model": "network", "net": "network", "arch": "network", "scheduler": "schedule", "lr_schedule": "schedule",
    "lr_scheduler": "schedule", "criterion": "loss", "opt": "optimizer", "random_seed": "seed", "image_size": "size_px",
    "img_size": "size_px", "resolution": "size_px", "crop_size": "crop_px", "tile_size": "tile_px",
    "accumulate_grad_batches": "accumulate", "gradient_accumulation_steps": "accumulate", "gpus": "devices",
    "early_stopping": "patience", "dtype": "precision", "gradient_clip_val": "clip_gradients",
}  # fmt: skip
"""What other programs call settings of ours."""


SURE = 0.8
"""How alike a wrong name must be to one of a recipe's own settings to be surely meant for it, before the options of
networks and the like are looked at."""


def setting_names(recipe_type: type, root: yaml.Node, *, options: bool = True) -> list[str]:
    """The dotted names of all settings of a recipe; with ``options``, those of what its choices name now, too: in the
    nodes, or by default."""
    return list(_names(recipe_type, root, "", options))


def surely_wrong(name: str, settings: Iterable[str], recipe_type: type) -> bool:
    """Whether a name that is no setting at its place surely means one of the recipe's own, or nothing at all.

    settings: dotted names, without the options of what choices name, such as a network's. Their files are read and not
    imported, which would take torch: a name that is like one of their words is not surely wrong.
    """
    wanted = ALIASES.get(name, name)
    words = {setting.rsplit(".", 1)[-1] for setting in settings}
    if wanted in words:
        return True
    options = _option_words(recipe_type)
    if near_names(wanted, words, likeness=SURE):
        return options is None or wanted not in options
    return options is not None and not near_names(wanted, options)


def _option_words(recipe_type: type) -> set[str] | None:
    """The words that options of the recipe's choices may have, and more; None where nobody knows where they stand."""
    places = [
        item.metadata["place"]
        for item in dataclasses.fields(recipe_type)
        if "entries" in item.metadata and not item.metadata.get("weighted")
    ]
    return None if None in places else {word for place in places for word in parameters_of(place)}


def _names(section: Any, node: yaml.Node | None, prefix: str, with_options: bool) -> Iterator[str]:
    kind = section if isinstance(section, type) else type(section)
    hints = get_type_hints(kind)
    for item in dataclasses.fields(kind):
        name, below = prefix + item.name, None if node is None else value_of(node, item.name)
        default = default_of(section, item.name)
        yield name
        if "entries" in item.metadata:
            if with_options and not item.metadata.get("weighted"):
                chosen, entries = name_of(below) or default.name, item.metadata["entries"]()
                options = options_of(entries[chosen], item.metadata["given"]) if chosen in entries else ()
                yield from (f"{name}.{option}" for option in options)
        elif dataclasses.is_dataclass(hints[item.name]):
            yield from _names(hints[item.name], below, name + ".", with_options)


def nearest_setting(name: str, beside: Sequence[str], settings: Iterable[str]) -> list[str]:
    """The settings that a wrong name may mean, dotted: by an alias, by their last word, or by their letters.

    name: dotted. beside: the names at its place. settings: all dotted names. Empty where none is near.
    """
    *above, wrong = name.split(".")
    wanted = ALIASES.get(wrong, wrong)
    here = ".".join([*above, ""])
    if wanted in beside:
        return [here + wanted]
    by_word: dict[str, list[str]] = {}
    for setting in settings:
        by_word.setdefault(setting.rsplit(".", 1)[-1], []).append(setting)
    if wanted in by_word:
        return by_word[wanted]
    if near := near_names(wanted, beside):
        return [here + near[0]]
    return [setting for word in near_names(wanted, by_word)[:1] for setting in by_word[word]]
