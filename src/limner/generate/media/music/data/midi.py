"""MIDI files, read into notes on a grid and written from them, by `symusic` (which parses and writes; no sound)."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from symusic import Note, Score, Tempo, TimeSignature, Track

from limner.foundation.errors import UserError
from limner.generate.media.music.data.notes import Piece, notes_of, on_grid

PER_BEAT, TICKS = 4, 120
"""Steps of a quarter note, and MIDI's ticks of a step as written."""
VELOCITY, TEMPO = 80, 112.0
"""How loud written notes are (0 to 127), and quarter notes a minute."""
PROGRAMS = (73, 68, 71, 70)
"""General MIDI's flute, oboe, clarinet and bassoon, for voices from the highest down."""
MOST_STEPS = 1 << 16
"""Steps of a file; more than an hour of music at 112 quarter notes a minute, and no more memory than that."""


def read_midi(path: Path, voices: int, bar: int) -> Piece:
    """The notes of a file on a grid: of one voice the highest note that sounds, of several the tracks with notes, the
    highest first. voices: how many. bar: steps of a bar; the end is filled up with rests.

    Raises `UserError` for a file that is no MIDI file, that has drums alone, or fewer tracks with notes than voices.
    """
    try:
        score: Any = Score(str(path))
    except (RuntimeError, ValueError, OSError) as error:
        raise UserError(f"{path}: not a MIDI file, or damaged ({' '.join(str(error).split())[:80]})") from None
    step = score.ticks_per_quarter / PER_BEAT
    if not step > 0:
        raise UserError(f"{path}: has no length of a quarter note (it counts in seconds); save it with a tempo")
    tracks = [track.notes.numpy() for track in score.tracks if not track.is_drum and len(track.notes)]
    if not tracks:
        drums = any(len(track.notes) for track in score.tracks)
        raise UserError(f"{path}: {'has drums alone' if drums else 'has no notes'}; needed: a melody")
    if voices > 1 and len(tracks) < voices:
        raise UserError(f"{path}: has {len(tracks)} tracks with notes; needed: {voices}, one a voice")
    if voices == 1:
        tracks = [{name: np.concatenate([track[name] for track in tracks]) for name in ("time", "duration", "pitch")}]
    tracks = sorted(tracks, key=lambda track: -float(np.mean(track["pitch"])))[:voices]
    last = max(float((track["time"].astype(float) + track["duration"]).max()) for track in tracks) / step
    if last > MOST_STEPS:
        raise UserError(
            f"{path}: is {last / PER_BEAT:,.0f} quarter notes long; needed: {MOST_STEPS // PER_BEAT:,} or less"
        )
    steps = max(1, -(-int(last + 0.5) // bar)) * bar
    grids = []
    for track in tracks:
        starts = track["time"].astype(float) / step
        ends = starts + track["duration"].astype(float) / step
        grids.append(on_grid(list(zip(starts.tolist(), ends.tolist(), track["pitch"].tolist(), strict=True)), steps))
    return Piece(path.name, np.stack(grids))


def write_midi(
    path: Path, steps: np.ndarray, *, bar: int = 16, tempo: float = TEMPO, names: Sequence[str] = ()
) -> None:
    """Write (voices, steps) of pitches, `HOLD` and `REST`: a track a voice, at ``tempo`` quarter notes a minute."""
    score: Any = Score(TICKS * PER_BEAT)  # its stubs know none of its attributes
    score.tempos.append(Tempo(0, tempo))
    score.time_signatures.append(TimeSignature(0, max(1, bar // PER_BEAT), 4))
    for number, voice in enumerate(steps):
        name = names[number] if number < len(names) else f"voice {number + 1}"
        track: Any = Track(name, PROGRAMS[number % len(PROGRAMS)], False)
        notes = notes_of(voice)
        for pitch, start, duration in zip(notes.pitch, notes.start, notes.duration, strict=True):
            track.notes.append(Note(int(start) * TICKS, int(duration) * TICKS, int(pitch), VELOCITY))
        score.tracks.append(track)
    path.write_bytes(score.dumps_midi())
