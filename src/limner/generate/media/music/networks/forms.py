"""What networks see of music: one-hot steps, rolls of pitches as the papers have them, or events; there and back."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.nn import functional

from limner.foundation.errors import UserError
from limner.generate.media.music.data.notes import HOLD, PITCHES, REST


@dataclass(frozen=True)
class MusicShape:
    """What a network makes: so many voices and bars, each of so many steps, of pitches lowest to highest."""

    voices: int
    bars: int
    bar: int
    lowest: int
    highest: int

    @property
    def steps(self) -> int:
        """Of all bars."""
        return self.bars * self.bar


class Form(Protocol):
    """Steps, (B, voices, n) int64 of pitches, `HOLD` and `REST`, as floats for networks, and back."""

    def encode(self, steps: Tensor) -> Tensor:
        """(B, ...) float32."""

    def decode(self, made: Tensor) -> Tensor:
        """(B, voices, n) int64."""


def sounding(steps: Tensor) -> Tensor:
    """(..., n) int64: the pitch that is heard in each step, -1: none."""
    places = torch.arange(steps.shape[-1], device=steps.device).expand_as(steps)
    last = torch.where(steps == HOLD, -1, places).cummax(-1).values
    heard = torch.where(last < 0, REST, steps.gather(-1, last.clamp(min=0)))
    return torch.where(heard < PITCHES, heard, -1)


def as_steps(heard: Tensor) -> Tensor:
    """(..., n) int64 steps of pitches that are heard, -1: none; equal neighbors are one note."""
    same = torch.zeros_like(heard, dtype=torch.bool)
    same[..., 1:] = heard[..., 1:] == heard[..., :-1]
    return torch.where(heard < 0, REST, torch.where(same, HOLD, heard))


class OneHotSteps:
    """(B, voices, steps, 2 + pitches): in each step 1 at hold, at rest, or at the pitch that begins."""

    def __init__(self, shape: MusicShape) -> None:
        self.shape, self.rows = shape, rows_of(shape)

    def encode(self, steps: Tensor) -> Tensor:
        """See `Form`; pitches beyond the range are brought into it by octaves."""
        low, high = self.shape.lowest, self.shape.highest
        pitch = torch.where(steps < low, low + (steps - low) % 12, steps)
        pitch = torch.where(pitch > high, high - (high - pitch) % 12, pitch).clamp(low, high)
        row = torch.where(steps == HOLD, 0, torch.where(steps == REST, 1, pitch - low + 2))
        return functional.one_hot(row, self.rows).float()

    def decode(self, made: Tensor) -> Tensor:
        """See `Form`."""
        row = made.argmax(-1)
        return torch.where(row == 0, HOLD, torch.where(row == 1, REST, row - 2 + self.shape.lowest))


class PitchRoll:
    """(B, 1, steps, 128), MidiNet's bar: 1 where a pitch is heard, one a step, and no rests: a note goes on until the
    next (sec. 4.1). Repeated notes are one."""

    def __init__(self, shape: MusicShape) -> None:
        if shape.voices != 1:
            raise UserError(f"midinet makes one voice, and data.voices is {shape.voices}; use music-grid or musegan")

    def encode(self, steps: Tensor) -> Tensor:
        """See `Form`."""
        heard = sounding(torch.where(steps == REST, HOLD, steps))
        first = torch.where(heard >= 0, heard, -1).amax(-1, keepdim=True)
        begun = (heard >= 0).int().argmax(-1, keepdim=True)
        heard = torch.where(heard < 0, heard.gather(-1, begun), heard)  # a rest before the first note is that note
        roll = functional.one_hot(heard.clamp(min=0), PITCHES).float()
        return roll * (first >= 0).unsqueeze(-1)

    def decode(self, made: Tensor) -> Tensor:
        """See `Form`; the strongest pitch of a step is heard."""
        return as_steps(made.argmax(-1))


FINE = 6
"""MuseGAN's bars have 96 steps: six to one of ours."""
LOWEST, RANGE = 24, 84


class PianoRoll:
    """(B, voices, bars, 6 x steps, 84), MuseGAN's phrase: 1 where a pitch is heard, else -1; from the C of MIDI 24."""

    def __init__(self, shape: MusicShape) -> None:
        self.shape = shape

    def encode(self, steps: Tensor) -> Tensor:
        """See `Form`; pitches beyond seven octaves are not heard."""
        heard = sounding(steps)
        row = torch.where((heard >= LOWEST) & (heard < LOWEST + RANGE), heard - LOWEST, RANGE)
        roll = functional.one_hot(row, RANGE + 1)[..., :RANGE].float() * 2 - 1
        return roll.unflatten(2, (self.shape.bars, self.shape.bar)).repeat_interleave(FINE, 3)

    def decode(self, made: Tensor) -> Tensor:
        """See `Form`: of the means of six steps the strongest pitch above 0 is heard."""
        means = made.flatten(2, 3).unflatten(2, (-1, FINE)).mean(3)
        strongest, row = means.max(-1)
        return as_steps(torch.where(strongest > 0, row + LOWEST, -1))


EVENTS = 4
"""Numbers of an event: length, pitch, loudness, and time since the event before."""


class Events:
    """(B, events, 4), C-RNN-GAN's notes of one voice, one after the other: length and time since the last beginning in
    beats, pitch in octaves from middle C, loudness 0 to 1. All notes are equally loud here."""

    per_beat = 4

    def __init__(self, shape: MusicShape, events: int = 100) -> None:
        if shape.voices != 1:
            raise UserError(f"c-rnn-gan makes one voice, and data.voices is {shape.voices}; use music-grid or musegan")
        self.shape, self.events = shape, events

    def encode(self, steps: Tensor) -> Tensor:
        """See `Form`; the first notes, and zeros where there are fewer."""
        found = steps.new_zeros((len(steps), self.events, EVENTS), dtype=torch.float32)
        for number, voice in enumerate(steps[:, 0]):
            starts = torch.nonzero(voice < PITCHES).flatten()
            ends = torch.nonzero(torch.cat([voice, voice.new_tensor([REST])]) != HOLD).flatten()
            length = ends[torch.searchsorted(ends, starts, right=True)] - starts
            since = torch.diff(starts, prepend=starts[:1])
            pitch = (voice[starts].float() - 60) / 12
            events = torch.stack([length / self.per_beat, pitch, torch.ones_like(pitch), since / self.per_beat], 1)
            found[number, : len(events)] = events[: self.events]
        return found

    def decode(self, made: Tensor) -> Tensor:
        """See `Form`; a later note ends the earlier, and what is shorter than half a step is none."""
        grid = torch.full((len(made), 1, self.shape.steps), REST, dtype=torch.int64)
        for number, events in enumerate(made.float().cpu()):
            at = torch.cumsum(events[:, 3].mul(self.per_beat).round().clamp(min=0), 0).long()
            lengths = events[:, 0].mul(self.per_beat).round().long()
            pitches = (events[:, 1] * 12 + 60).round().clamp(0, PITCHES - 1).long()
            for start, length, pitch in zip(at.tolist(), lengths.tolist(), pitches.tolist(), strict=True):
                if start < self.shape.steps and length > 0:
                    grid[number, 0, start:] = REST
                    grid[number, 0, start] = pitch
                    grid[number, 0, start + 1 : start + length] = HOLD
        return grid


def rows_of(shape: MusicShape) -> int:
    """Of `OneHotSteps`."""
    return 2 + shape.highest - shape.lowest + 1


FORMS: dict[str, Callable[[MusicShape], Form]] = {
    "steps": OneHotSteps, "pitches": PitchRoll, "piano-roll": PianoRoll, "events": Events
}  # fmt: skip


def form_of(name: Any, generator: Any, shape: MusicShape) -> Form:
    """The form in which a generator makes music."""
    return FORMS[name](shape) if name != "events" else FORMS[name](shape, events=generator.events)  # type: ignore[call-arg]
