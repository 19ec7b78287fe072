"""Music as sound, so that it can be heard where no synthesizer is: plain tones of a few partials."""

import wave
from pathlib import Path

import numpy as np

from limner.generate.media.music.data.midi import PER_BEAT, TEMPO
from limner.generate.media.music.data.notes import notes_of

RATE = 22050
"""Samples a second."""
PARTIALS = (1.0, 0.45, 0.22, 0.1)
"""How strong a tone's fundamental and its overtones are."""
ATTACK, RELEASE, DECAY = 0.015, 0.08, 1.2
"""Seconds in which a tone comes, goes, and becomes weaker by a factor of e."""
PEAK = 0.8


def tones(steps: np.ndarray, tempo: float = TEMPO) -> np.ndarray:
    """(samples,) float32 in [-1, 1] at `RATE`: (voices, steps) of pitches, `HOLD` and `REST`, all voices together.

    tempo: quarter notes a minute. Pitch 69 is 440 Hz.
    """
    seconds = 60 / tempo / PER_BEAT
    sound = np.zeros(int((steps.shape[1] * seconds + RELEASE) * RATE) + 1)
    for voice in steps:
        notes = notes_of(voice)
        for pitch, start, duration in zip(notes.pitch, notes.start, notes.duration, strict=True):
            first, count = int(start * seconds * RATE), int((duration * seconds + RELEASE) * RATE)
            times = np.arange(min(count, len(sound) - first)) / RATE
            left = duration * seconds + RELEASE - times
            envelope = np.exp(-times / DECAY) * np.clip(times / ATTACK, 0, 1) * np.clip(left / RELEASE, 0, 1)
            frequency = 440 * 2 ** ((float(pitch) - 69) / 12)
            tone = sum(
                strength * np.sin(2 * np.pi * frequency * number * times)
                for number, strength in enumerate(PARTIALS, 1)
                if frequency * number < RATE / 2
            )
            sound[first : first + len(times)] += envelope * tone
    loudest = abs(sound).max()
    return (sound * (PEAK / loudest if loudest > 0 else 0)).astype(np.float32)


def write_wav(path: Path, sound: np.ndarray) -> None:
    """Write (samples,) in [-1, 1] as 16-bit mono."""
    with path.open("wb") as file, wave.open(file, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(RATE)
        writer.writeframes((np.clip(sound, -1, 1) * 32767).round().astype("<i2").tobytes())
