"""Scores of a run that translates between domains, on pictures that it did not learn from, or on others."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from limner.foundation.errors import UserError
from limner.learning.library import recipe_of
from limner.learning.runs.run import Run
from limner.translate.data.domains import DomainSet, find_domains, hold_out_domains, read_domains
from limner.translate.data.labeled import TARGET, read_labeled
from limner.translate.measures.domain_measure import Edit, map_to_domain, measure_domains
from limner.translate.measures.domain_result import DomainScores
from limner.translate.measures.judge import some_of_each
from limner.translate.measures.transfer_measure import measure_transfer, transfer_edit
from limner.translate.translating.domains import load_domains


def evaluate_domains(run: Run, *, data: Sequence[Path] = (), device: str = "auto") -> DomainScores:
    """Score what a run makes in every direction beside the bars.

    data: folders of the run's domains, by their names, of which all pictures are scored; without it those that the
    training held out, or where none were, those that it learned from. The colors of the bar are those of what the run
    learned from. Raises `UserError` as reading the pictures does; for domains that the run does not know.
    """
    recipe: Any = recipe_of(run)
    translator = load_domains(run, device)
    own = _read(recipe, recipe.data.paths, translator.domains)
    training, held_out = hold_out_domains(own, recipe.data.held_out, recipe.seed)
    if data:
        scored, on = _read(recipe, data, translator.domains), _named(data)
        chosen = list(range(len(scored)))
    else:
        scored, on = own, _own(held_out)
        chosen = (held_out if len(held_out) else training).tolist()
    ways = [translator.to(name) for name in translator.domains]
    if scored.channels != ways[0].channels:
        raise UserError(f"pictures of {scored.channels} channels; the run translates pictures of {ways[0].channels}")
    edits = []
    for number, name in enumerate(translator.domains):
        places = [place for place in chosen if int(scored.labels[place]) != number]
        sources = [scored.picture(place) for place in places]
        made = [ways[number].translate(each) for each in sources]
        back = [ways[int(scored.labels[place])].translate(each) for place, each in zip(places, made, strict=True)]
        true = [scored.picture(place) for place in chosen if int(scored.labels[place]) == number]
        edits.append(Edit(name, sources, made, true, back))

    def colors_of(name: str) -> Any:
        number = own.domains.index(name)
        others = [place for place in training.tolist() if int(own.labels[place]) != number]
        return map_to_domain(
            [own.picture(place) for place in others],
            [own.picture(place) for place in own.of(number, training).tolist()],
        )

    judged = some_of_each([own.of(number, training) for number in range(len(own.domains))])
    learned = [own.picture(place) for place in judged.tolist()], own.labels[judged]
    return measure_domains(edits, colors_of, on=on, learned=learned)


def evaluate_transfer(run: Run, *, data: Sequence[Path] = (), device: str = "auto") -> DomainScores:
    """The same of a run that makes a source into a target. data: as a training of it takes it; the targets' classes
    count where both these and those that were learned from have them."""
    recipe: Any = recipe_of(run)
    settings, translator = recipe.data, load_domains(run, device).to(None)
    own = read_labeled(settings.paths, settings.domains, colors=settings.colors, size_px=settings.size_px)
    training, held_out = hold_out_domains(own.domains, settings.held_out, recipe.seed)
    if data:
        scored, on = read_labeled(data, colors=settings.colors, size_px=settings.size_px), _named(data)
        chosen = torch.arange(len(scored.domains))
        if scored.classes != own.classes:
            raise UserError(
                f"{on}: the source's classes are {', '.join(scored.classes)}; the run learned {', '.join(own.classes)}"
            )
    else:
        scored, on = own, _own(held_out)
        chosen = held_out if len(held_out) else training
    if scored.domains.channels != translator.channels:
        raise UserError(
            f"pictures of {scored.domains.channels} channels; the run translates pictures of {translator.channels}"
        )
    edit = replace(transfer_edit(scored, chosen, translator.translate), name=own.domains.domains[TARGET])
    return measure_transfer(edit, own, training, on=on)


def _named(data: Sequence[Path]) -> str:
    return ", ".join(path.name for path in data)


def _own(held_out: Tensor) -> str:
    return "held out" if len(held_out) else "pictures that it learned from; none were held out"


def _read(recipe: Any, paths: Sequence[Path], domains: tuple[str, ...]) -> DomainSet:
    files = find_domains(paths, domains)
    return read_domains(files, colors=recipe.data.colors, size_px=recipe.data.size_px)
