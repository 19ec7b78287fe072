"""Notes on a grid: pieces of several voices, each of which begins a note, holds it, or rests in each step."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

PITCHES = 128
"""MIDI's: 60 is middle C, 69 the A of 440 Hz."""
HOLD, REST = 128, 129
"""What a step has in place of a pitch: the note before goes on, or nothing sounds."""


@dataclass(frozen=True)
class Piece:
    """One piece. name: where it is from. steps: (voices, steps) int16, pitches that begin, `HOLD` and `REST`; whole
    bars."""

    name: str
    steps: np.ndarray


@dataclass(frozen=True)
class Notes:
    """Notes of a voice in order. pitch, start, duration: (n,) int64, the latter two in steps."""

    pitch: np.ndarray
    start: np.ndarray
    duration: np.ndarray


def notes_of(voice: np.ndarray) -> Notes:
    """The notes of a voice, (steps,) of pitches, `HOLD` and `REST`. What is held from before the beginning is none.

    >>> notes_of(np.array([60, HOLD, 62, REST])).duration
    array([2, 1])
    """
    starts = np.flatnonzero(voice < PITCHES)
    changes = np.flatnonzero(np.append(voice, REST) != HOLD)  # where a note ends: at the next one, or at a rest
    ends = changes[np.searchsorted(changes, starts, side="right")]
    return Notes(voice[starts].astype(np.int64), starts.astype(np.int64), (ends - starts).astype(np.int64))


def sounding(voice: np.ndarray) -> np.ndarray:
    """(steps,) int64: which pitch is heard in each step, -1: none. voice: (steps,)."""
    places = np.where(voice == HOLD, -1, np.arange(len(voice)))
    last = np.maximum.accumulate(places)
    heard = np.where(last < 0, REST, voice[np.maximum(last, 0)])
    return np.where(heard < PITCHES, heard, -1).astype(np.int64)


def steps_of(heard: np.ndarray) -> np.ndarray:
    """(voices, steps) int16 of the pitches heard in each step, -1: none; equal neighbors become one note."""
    same = np.zeros(heard.shape, bool)
    same[:, 1:] = heard[:, 1:] == heard[:, :-1]
    return np.where(heard < 0, REST, np.where(same, HOLD, heard)).astype(np.int16)


def on_grid(notes: Sequence[tuple[float, float, int]], steps: int) -> np.ndarray:
    """(steps,) int16 of notes (start, end, pitch) in steps, one at a time: a later note ends the earlier, of two that
    begin together the higher stays; what is shorter than a step has one."""
    grid = np.full(steps, REST, np.int16)
    for start, end, pitch in sorted(notes, key=lambda each: (each[0], each[2])):
        first = int(start + 0.5)
        last = max(first + 1, int(end + 0.5))
        if first >= steps:
            continue
        grid[first] = pitch
        grid[first + 1 : last] = HOLD
        if last < steps and grid[last] == HOLD:
            grid[last:][: int(np.argmax(np.append(grid[last:], REST) != HOLD))] = REST
    return grid


def begun(steps: np.ndarray) -> np.ndarray:
    """The same steps, (..., n), in which what is held from before the beginning, or from a rest, rests."""
    places = np.where(steps == HOLD, -1, np.arange(steps.shape[-1]))
    last = np.maximum.accumulate(places, axis=-1)
    from_note = (last >= 0) & (np.take_along_axis(steps, np.maximum(last, 0), axis=-1) < PITCHES)
    return np.where((steps == HOLD) & ~from_note, REST, steps)
