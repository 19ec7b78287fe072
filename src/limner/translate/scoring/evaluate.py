"""`limner evaluate` for a run that translates: pairs that it did not learn from, or others."""

from collections.abc import Sequence
from pathlib import Path

from limner.foundation.errors import UserError
from limner.learning.library import recipe_of
from limner.learning.runs.run import Run
from limner.learning.runs.score_rows import ScoreRows
from limner.translate.data.crops import whole_pair
from limner.translate.degrading.ways import DEGRADATIONS
from limner.translate.measures.bars import known_of
from limner.translate.measures.domain_result import DomainScores
from limner.translate.measures.measure import measure
from limner.translate.measures.result import PairScores
from limner.translate.scoring.attribute_evaluate import evaluate_attributes
from limner.translate.scoring.domain_evaluate import evaluate_domains, evaluate_transfer
from limner.translate.scoring.options import EvaluateOptions
from limner.translate.training.pairs.reading import bars_of, pairs_of, protocol_of, split_pairs
from limner.translate.training.pairs.recipe import PairRecipe
from limner.translate.translating.attributes import ATTRIBUTES
from limner.translate.translating.domains import PAIRS, TRANSFER
from limner.translate.translating.predictor import load_translator


def evaluate_run(
    run: Run, options: EvaluateOptions, *, data: Sequence[Path] = (), device: str = "auto"
) -> PairScores | DomainScores | ScoreRows:
    """Score what a run makes beside the bars.

    Args:
        data: folders of pairs in the run's form (or of pictures, for a run that made its sources), of which all are
            scored; without it those that the training held out, or where none were, those that it learned from.
        device: auto, cpu or cuda.

    Raises:
        UserError: as reading the pairs does; for pairs that the run cannot take; for options of pairs where a run
        learned     without.
    """
    if run.task != PAIRS:
        if options != EvaluateOptions():
            raise UserError(
                f"{run.folder}: the run learned without pairs, so no true picture is known and --channel and "
                "--border-px mean nothing; leave them out"
            )
        if run.task == ATTRIBUTES:
            return evaluate_attributes(run, data=data, device=device)
        score = evaluate_transfer if run.task == TRANSFER else evaluate_domains
        return score(run, data=data, device=device)
    recipe: PairRecipe = recipe_of(run)
    translator = load_translator(run, device)
    degradation = recipe.degrade.build(DEGRADATIONS)
    own = pairs_of(recipe, recipe.data.paths)
    training, held_out = split_pairs(own, recipe.data.held_out, recipe.seed)
    if data:
        pairs, on = pairs_of(recipe, data), ", ".join(path.name for path in data)
        chosen = list(range(len(pairs)))
    else:
        pairs, on = own, "held out" if len(held_out) else "pairs that it learned from; none were held out"
        chosen = (held_out if len(held_out) else training).tolist()
    if pairs.scale != translator.scale:
        raise UserError(
            f"{data[0]}: targets are {pairs.scale} times as large; the run enlarges {translator.scale} times"
        )
    sources = tuple(own.sources[place] for place in training.tolist()) if own.sources else ()
    known = known_of(sources, tuple(own.targets[place] for place in training.tolist()))
    protocol = protocol_of(recipe, options.channel, options.border_px)
    wholes = (whole_pair(pairs, index, degradation, recipe.seed) for index in chosen)
    channels = (translator.channels, translator.outputs)
    return measure(wholes, translator.translate, bars_of(recipe, pairs.scale, channels), known, protocol, on=on)
