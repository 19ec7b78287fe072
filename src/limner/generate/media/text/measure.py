"""How well made pictures fit their sentences: by the reader of the drawn world where they are its sentences, else by
the encoders that learned beside the generator."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from limner.datasets.world.reader import read_picture
from limner.datasets.world.sentences import Told, read_sentence
from limner.foundation.draws import Draws
from limner.generate.media.text.encoder import match
from limner.learning.runs.score_rows import MADE, Column, ScoreRows, interval

AMONG = 16
"""Sentences among which a picture's own is to be found."""
SHUFFLED, REAL, ONE = "made, with shuffled sentences", "real pictures", "one answer for all"
ATTRIBUTES = ("color", "shape", "size", "place")
MATCHED = "matched"
COLUMNS = {
    **{name: Column(f"{name} right, %", share=True) for name in ATTRIBUTES},
    MATCHED: Column(f"own sentence first of {AMONG}, %", share=True),
}


def measure(
    made: Tensor,
    real: Tensor,
    sentences: Sequence[str],
    encode: Callable[[Tensor], Tensor],
    codes: Tensor,
    *,
    seed: int = 0,
    own: bool = True,
) -> ScoreRows:
    """Score pictures that were made of sentences.

    made: (n, C, S, S) uint8, of each sentence one. real: (n, C, S, S) uint8, the pictures that the sentences tell of.
    encode: (m, C, S, S) uint8 into (m, code). codes: (n, code), of the sentences. own: whether they are of the run's
    own data.
    """
    draws = Draws(seed, torch.device("cpu"))
    shuffled = torch.roll(torch.randperm(len(made), generator=draws.of("shuffle")), 1).tolist()
    others = [sentences[place] for place in shuffled]
    said = [read_sentence(sentence) for sentence in sentences]
    matched = {
        MADE: _found(encode(made), codes, draws), SHUFFLED: _found(encode(made), codes[shuffled], draws),
        REAL: _found(encode(real), codes, draws),
    }  # fmt: skip
    rows: dict[str, dict[str, float | None]] = {
        name: {MATCHED: float(np.mean(found))} for name, found in matched.items()
    }
    rows[ONE] = {MATCHED: 1 / AMONG}
    intervals = {MATCHED: interval(matched[MADE])}
    if made.shape[1] != 3 or any(each is None for each in said):
        note = "Its judges are the encoders that learned beside it: of another run's they are no measure."
        return ScoreRows({MATCHED: COLUMNS[MATCHED]}, rows, ONE, _protocol(len(made), own), intervals, (note,))
    told = {
        MADE: agreements(made, sentences), SHUFFLED: agreements(made, others), REAL: agreements(real, sentences)
    }  # fmt: skip
    for name in ATTRIBUTES:
        for row, answers in told.items():
            rows[row][name] = float(np.mean(answers[name])) if answers[name] else None
        values = [value for each in said if (value := getattr(each, name)) is not None]
        rows[ONE][name] = max(map(values.count, set(values))) / len(values) if values else None
        if told[MADE][name]:
            intervals[name] = interval(told[MADE][name])
    note = (
        "The reader of the drawn world tells what a picture shows; what a sentence leaves out is not counted. One "
        "answer for all: the share of the commonest color, shape, size and place."
    )
    return ScoreRows(COLUMNS, rows, ONE, _protocol(len(made), own), intervals, (note,))


def agreements(pictures: Tensor, sentences: Sequence[str]) -> Mapping[str, list[bool]]:
    """By attribute: of each sentence of the world that tells it, whether its picture, (n, 3, S, S) uint8, shows it."""
    found: dict[str, list[bool]] = {name: [] for name in ATTRIBUTES}
    for picture, sentence in zip(pictures.permute(0, 2, 3, 1).numpy(), sentences, strict=True):
        seen, said = read_picture(np.ascontiguousarray(picture)), read_sentence(sentence) or Told()
        for name, right in said.agreement(seen).items():
            if name in found:
                found[name].append(right)
    return found


def _found(pictures: Tensor, codes: Tensor, draws: Draws) -> list[bool]:
    """Of each picture, whether its own sentence matches it best among `AMONG`, the others drawn."""
    logits = match(pictures, codes)
    answers = []
    for row in range(len(logits)):
        others = torch.randperm(len(logits) - 1, generator=draws.of("others", row))[: AMONG - 1]
        others = others + (others >= row).long()
        answers.append(bool((logits[row, others] <= logits[row, row] + 1e-4).all()))  # a sentence may come twice
    return answers


def _protocol(count: int, own: bool) -> str:
    of = "that it did not learn from" if own else "of other data"
    return f"{count} sentences of pictures {of}, one picture made of each, none chosen."
