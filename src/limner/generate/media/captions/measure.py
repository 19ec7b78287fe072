"""How right sentences for clips are: exact matches, BLEU-4, and what they tell, beside what needs no adversary."""

import math
from collections import Counter
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from limner.datasets.world.sentences import read_sentence, words_of
from limner.learning.runs.score_rows import MADE, Column, ScoreRows, interval

LIKELIHOOD, NEAREST, MAJORITY, TRUE = (
    "maximum likelihood alone",
    "nearest clip's",
    "commonest sentence",
    "another true one",
)
COLUMNS = {
    "exact": Column("exact match, %", share=True), "bleu": Column("BLEU-4", digits=3),
    "told": Column("all it tells is so, %", share=True),
}  # fmt: skip
LONGEST = 4
"""Words of the longest sequences that BLEU counts."""


def exact(said: Sequence[str], true: Sequence[Sequence[str]]) -> list[bool]:
    """Of each sentence, whether it is, word for word, one of its clip's."""
    return [words_of(one) in [words_of(other) for other in others] for one, others in zip(said, true, strict=True)]


def bleu(said: Sequence[str], true: Sequence[Sequence[str]]) -> float:
    """BLEU-4 of a corpus (Papineni et al., ACL 2002): the geometric mean of the clipped precisions of sequences of 1 to
    4 words, times the brevity penalty, the closest reference's length counting. 0 where a precision is 0."""
    found, possible = [0] * LONGEST, [0] * LONGEST
    length = wanted = 0
    for one, others in zip(said, true, strict=True):
        words, references = words_of(one), [words_of(other) for other in others]
        length += len(words)
        wanted += min((abs(len(each) - len(words)), len(each)) for each in references)[1]
        for order in range(1, LONGEST + 1):
            counts = _sequences(words, order)
            most: Counter[tuple[str, ...]] = Counter()
            for each in references:
                most |= _sequences(each, order)
            found[order - 1] += sum((counts & most).values())
            possible[order - 1] += sum(counts.values())
    if not all(found):
        return 0.0
    precision = sum(math.log(one / other) for one, other in zip(found, possible, strict=True)) / LONGEST
    return math.exp(precision + min(0.0, 1 - wanted / length))


def _sequences(words: Sequence[str], order: int) -> Counter[tuple[str, ...]]:
    return Counter(tuple(words[start : start + order]) for start in range(len(words) - order + 1))


def told_right(said: Sequence[str], true: Sequence[Sequence[str]]) -> list[bool] | None:
    """Of each sentence, whether everything it tells is what the clip's sentences together tell, and it tells shape,
    color and motion; None where they are not of the drawn world."""
    answers = []
    for one, others in zip(said, true, strict=True):
        known = [read_sentence(other) for other in others]
        if any(each is None for each in known):
            return None
        told = read_sentence(one)
        if told is None or None in (told.shape, told.color, told.motion):
            answers.append(False)
            continue
        names = ("shape", "color", "size", "place", "motion")
        truth = {name: {value for each in known if (value := getattr(each, name)) is not None} for name in names}
        mine = {name: getattr(told, name) for name in names}
        answers.append(all(mine[name] is None or not truth[name] or mine[name] in truth[name] for name in names))
    return answers


def nearest(clips: Tensor, others: Tensor) -> list[int]:
    """Of each of (n, T, 3, S, S) uint8 clips the place of that of (m, ...) whose pixels differ least, in squares."""
    other = others.flatten(1).float() / 255
    squares = other.square().sum(1)
    found = []
    for clip in clips.flatten(1).float() / 255:
        found.append(int((squares - 2 * (other @ clip)).argmin()))
    return found


def score_captions(
    said: Sequence[str],
    likely: Sequence[str],
    clips: Tensor,
    true: Sequence[Sequence[str]],
    learned: Tensor,
    learned_captions: Sequence[Sequence[str]],
    *,
    own: bool = True,
) -> ScoreRows:
    """Score sentences said of clips.

    likely: those of the generator before it met a discriminator. true: the clips' own. learned, learned_captions: what
    was learned from. own: whether the clips are of the run's own data.
    """
    common = Counter(caption for captions in learned_captions for caption in captions).most_common(1)[0][0]
    rows = {
        MADE: list(said), LIKELIHOOD: list(likely),
        NEAREST: [learned_captions[place][0] for place in nearest(clips, learned)], MAJORITY: [common] * len(said),
    }  # fmt: skip
    scores = {name: _scores(sentences, true) for name, sentences in rows.items()}
    several = [others for others in true if len(others) > 1]
    if several:
        scores[TRUE] = _scores([others[0] for others in several], [others[1:] for others in several])
    intervals = {"exact": interval(exact(said, true))}
    where = "that it did not learn from" if own else "of other data"
    protocol = (
        f"{len(said)} clips {where}, the likeliest words of each; against all sentences of a clip. Exact: word for "
        "word one of them. All it tells is so: shape, color and motion are told, and nothing that they do not say."
    )
    note = "Nearest: the first sentence of the training clip whose pixels differ least."
    return ScoreRows(COLUMNS, scores, NEAREST, protocol, intervals, (note,))


def _scores(said: Sequence[str], true: Sequence[Sequence[str]]) -> dict[str, float | None]:
    told = told_right(said, true)
    return {
        "exact": float(np.mean(exact(said, true))), "bleu": bleu(said, true),
        "told": None if told is None else float(np.mean(told)),
    }  # fmt: skip


def as_words(sentences: Tensor, words: Sequence[str]) -> list[str]:
    """Sentences of (B, length) int64 word numbers, 0 behind the end."""
    return [" ".join(words[number - 1] for number in each if number) for each in torch.as_tensor(sentences).tolist()]
