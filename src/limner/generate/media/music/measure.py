"""How near made music comes to music that was not learned from: five histograms, and what of it is copied.

Beside it stand Markov models of order 1 and 4, and as much of the training music: another half of the data, below whose
distance nothing has to come.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from limner.generate.media.music.data.notes import PITCHES, Piece, begun, notes_of
from limner.generate.media.music.markov import Markov
from limner.learning.runs.score_rows import MADE, Column, ScoreRows

MARKOV_1, MARKOV_4, TRAINING, HELD_OUT = "Markov, order 1", "Markov, order 4", "training music", "held-out music"
LARGEST = 12
"""Semitones; larger intervals are counted to it, up and down."""
HISTOGRAMS = ("pitch_classes", "intervals", "durations", "onsets", "repeats")
COLUMNS = {
    "pitch_classes": Column("pitch classes", better="lower"),
    "intervals": Column("intervals", better="lower"),
    "durations": Column("durations", better="lower"),
    "onsets": Column("onsets in the bar", better="lower"),
    "repeats": Column("repeated bars", better="lower"),
    "copied": Column("bars copied, %", better="none", share=True),
    "nearer": Column("nearer than Markov 1, of 5", better="higher", digits=0),
}
RESAMPLES = 200
MOST_PHRASES = 512
"""Of training and held-out music that are looked at."""


def histograms(phrases: np.ndarray, bar: int) -> dict[str, np.ndarray]:
    """Of phrases, (n, voices, steps) of pitches, `HOLD` and `REST`, each summing to 1, or empty where there is nothing.

    pitch_classes: of notes, C to B. intervals: from note to note of a voice, -`LARGEST` to `LARGEST`. durations: of
    notes, 1 step to a bar and more. onsets: in which step of a bar notes begin. repeats: of bars with notes, how many
    bars back the same bar of this voice stands last, 0: nowhere.
    """
    counts = _counts(phrases, bar)
    return {name: _share(each.sum(0)) for name, each in counts.items()}


def _counts(phrases: np.ndarray, bar: int) -> dict[str, np.ndarray]:
    """By histogram (n, bins): the counts of each phrase."""
    count, bars = len(phrases), phrases.shape[2] // bar
    sizes = {
        "pitch_classes": 12, "intervals": 2 * LARGEST + 1, "durations": bar, "onsets": bar, "repeats": max(1, bars)
    }  # fmt: skip
    found = {name: np.zeros((count, size)) for name, size in sizes.items()}
    for number, phrase in enumerate(phrases):
        for voice in phrase:
            notes = notes_of(voice)
            leaps = np.clip(np.diff(notes.pitch), -LARGEST, LARGEST) + LARGEST
            for name, values in (
                ("pitch_classes", notes.pitch % 12), ("intervals", leaps),
                ("durations", np.minimum(notes.duration, bar) - 1), ("onsets", notes.start % bar),
                ("repeats", _repeats(voice, bar)),
            ):  # fmt: skip
                found[name][number] += np.bincount(values, minlength=sizes[name])
    return found


def _repeats(voice: np.ndarray, bar: int) -> np.ndarray:
    last: dict[bytes, int] = {}
    back = []
    for number, steps in enumerate(voice.reshape(-1, bar)):
        if (steps < PITCHES).any():
            key = begun(steps).tobytes()
            back.append(number - last.get(key, number))
            last[key] = number
    return np.asarray(back, np.int64)


def _share(counts: np.ndarray) -> np.ndarray:
    return counts / max(counts.sum(), 1)


def distance(one: np.ndarray, other: np.ndarray) -> float:
    """Half of the sum of differences of two histograms: the share that stands elsewhere, 0 to 1; 1 where one is
    empty."""
    if not one.any() or not other.any():
        return 1.0
    return float(abs(one - other).sum() / 2)


def phrases_of(pieces: Sequence[Piece], steps: int) -> np.ndarray:
    """(n, voices, steps) int64: the pieces cut into phrases, one after the other; what is left over at ends is left
    out. A note held over the cut is no note of the second phrase."""
    found = [
        begun(piece.steps[:, start : start + steps].astype(np.int64))
        for piece in pieces
        for start in range(0, piece.steps.shape[1] - steps + 1, steps)
    ]
    voices = len(pieces[0].steps) if pieces else 1
    return np.stack(found) if found else np.empty((0, voices, steps), np.int64)


def bars_of(pieces: Sequence[Piece], bar: int) -> set[bytes]:
    """All bars that have notes, of all voices together, as `_keys` has them."""
    found: set[bytes] = set()
    for piece in pieces:
        found.update(_keys(piece.steps.astype(np.int64), bar))
    return found


def _keys(steps: np.ndarray, bar: int) -> list[bytes]:
    """Of (voices, steps): each bar that has a note in every voice, as bytes; what is held into it rests."""
    bars = begun(steps.reshape(len(steps), -1, bar).swapaxes(0, 1))
    return [each.astype(np.int16).tobytes() for each in bars if (each < PITCHES).any(1).all()]


def copied(phrases: np.ndarray, bar: int, known: set[bytes]) -> float:
    """Share of the bars of phrases that are among known ones, note for note, in all voices."""
    keys = [key for phrase in phrases for key in _keys(phrase, bar)]
    return sum(key in known for key in keys) / max(len(keys), 1)


def measure(
    made: np.ndarray, training: Sequence[Piece], true: Sequence[Piece], bar: int, *, seed: int = 0, own: bool = True
) -> ScoreRows:
    """Score made phrases, (n, voices, steps) of pitches, `HOLD` and `REST`.

    training: learned from. true: held out. own: whether the true ones are of the run's own data. Phrases of the true
    ones are as long.
    """
    draws = np.random.default_rng([seed, len(made)])
    steps = made.shape[2]
    held = _some(phrases_of(true, steps), draws)
    learned = _some(phrases_of(training, steps), draws)
    known = bars_of(training, bar)
    wanted = histograms(held, bar)
    drawn = {
        order: Markov([piece.steps for piece in training], order).draw(len(made), steps, draws) for order in (1, 4)
    }
    rows: dict[str, dict[str, float | None]] = {}
    for name, phrases in ((MADE, made), (MARKOV_1, drawn[1]), (MARKOV_4, drawn[4]), (TRAINING, learned)):
        found = histograms(phrases, bar)
        rows[name] = {each: distance(found[each], wanted[each]) for each in HISTOGRAMS}
        rows[name]["copied"] = copied(phrases, bar, known) if name != TRAINING else None
        rows[name]["nearer"] = None
    rows[HELD_OUT] = {**dict.fromkeys(COLUMNS), "copied": copied(held, bar, known)}
    nearer = [rows[MADE][name] < rows[MARKOV_1][name] for name in HISTOGRAMS]  # type: ignore[operator]
    rows[MADE]["nearer"] = float(sum(nearer))
    where = "music that it did not learn from" if own else "other music"
    protocol = (
        f"{len(made)} made phrases of {steps // bar} bars, none chosen, and {len(held)} of {where}: half of the sum of "
        "differences of their histograms (0: equal; 1: nothing in common). Bars copied: those with notes in every "
        "voice that a training piece has, note for note; held-out music shares some, too."
    )
    note = (
        "Markov models draw each voice by itself, by what followed its last step, or last four, in the training music; "
        "training music is as near as other music of the kind comes."
    )
    return ScoreRows(COLUMNS, rows, MARKOV_1, protocol, _intervals(made, wanted, bar), (note,))


def nearness(made: np.ndarray, true: Sequence[Piece], bar: int) -> float:
    """1 less the mean distance of the histograms of made phrases from those of true pieces: 1 where all are equal."""
    wanted = histograms(phrases_of(true, made.shape[2])[:MOST_PHRASES], bar)
    found = histograms(made, bar)
    return 1 - float(np.mean([distance(found[name], wanted[name]) for name in HISTOGRAMS]))


def _some(phrases: np.ndarray, draws: np.random.Generator) -> np.ndarray:
    return phrases[np.sort(draws.permutation(len(phrases))[:MOST_PHRASES])]


def _intervals(made: np.ndarray, wanted: Mapping[str, np.ndarray], bar: int) -> dict[str, tuple[float, float]]:
    """95 % of the distances of resampled phrases."""
    counts, draws = _counts(made, bar), np.random.default_rng(0)
    chosen = draws.integers(len(made), size=(RESAMPLES, len(made)))
    found = {}
    for name, each in counts.items():
        distances = [distance(_share(each[rows].sum(0)), wanted[name]) for rows in chosen]
        low, high = np.quantile(distances, [0.025, 0.975])
        found[name] = (float(low), float(high))
    return found
