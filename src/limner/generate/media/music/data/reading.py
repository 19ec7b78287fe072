"""Music to learn from: ABC, MIDI, JSON of chorales and ``.npz``, brought to one grid of steps in bars of one length."""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from limner.datasets.npz import array_head, read_array
from limner.foundation.errors import UserError
from limner.generate.media.music.data.abc import Tune, read_abc
from limner.generate.media.music.data.midi import PER_BEAT, read_midi
from limner.generate.media.music.data.notes import HOLD, PITCHES, Piece, begun, on_grid, steps_of

SUFFIXES = (".abc", ".mid", ".midi", ".json", ".npz")
NOTATED = (".abc", ".mid", ".midi")
"""Of these all in a folder is read; of the others only where a folder has none of these."""
ARRAY = "notes"
MOST_BYTES = 256 << 20
"""Of a file; music in text and numbers is small."""
LEAST_BARS = 2


@dataclass(frozen=True)
class MusicSettings:
    """Which music to read, and how; the reader's part of a recipe. See `limner.generate.media.music.recipe`."""

    voices: int
    bar: int
    """Steps of a bar, of which a quarter note has `PER_BEAT`."""
    common_key: bool


@dataclass(frozen=True)
class MusicSet:
    """pieces: of one number of voices, in order of the files. bar: steps of a bar. left_out: pieces that are in another
    meter, or too short."""

    pieces: tuple[Piece, ...]
    bar: int
    fingerprint: str
    left_out: int = 0

    def __len__(self) -> int:
        return len(self.pieces)

    @property
    def bars(self) -> int:
        """Of all pieces."""
        return sum(piece.steps.shape[1] // self.bar for piece in self.pieces)

    def summary(self) -> str:
        """One line for people."""
        voices = len(self.pieces[0].steps)
        left = f"; {self.left_out} in another meter or too short left out" if self.left_out else ""
        of = "of one voice" if voices == 1 else f"of {voices} voices"
        return f"{len(self):,} pieces {of} with {self.bars:,} bars of {self.bar} steps{left}"


def read_music(paths: Sequence[Path], settings: MusicSettings, least: int = 2) -> MusicSet:
    """The music of files, and of all such files of folders, in order of their names; a piece that comes twice, once.

    Raises `UserError` for what is not there or of another kind, for files that cannot be read, and for fewer than
    ``least`` pieces.
    """
    if not paths:
        raise UserError("no data is given; needed: --data FOLDER with music as .abc, .mid, .json or .npz")
    files = [file for path in paths for file in _files(path)]
    found: dict[bytes, Piece] = {}
    left_out = 0
    for file in files:
        pieces, left = READERS[file.suffix.lower()](file, settings)
        left_out += left
        for piece in pieces:
            if piece.steps.shape[1] < LEAST_BARS * settings.bar or not (piece.steps < PITCHES).any():
                left_out += 1
                continue
            found.setdefault(piece.steps.tobytes(), piece)
    if len(found) < least:
        why = f" ({left_out} in another meter than {settings.bar // PER_BEAT}/4, or too short)" if left_out else ""
        raise UserError(f"{paths[0]}: {len(found)} pieces of music{why}; needed: {least} or more")
    digest = hashlib.sha256(b"".join(found) + str((settings.voices, settings.bar)).encode()).hexdigest()
    return MusicSet(tuple(found.values()), settings.bar, digest[:16], left_out)


def _files(path: Path) -> list[Path]:
    if not path.exists():
        raise UserError(f"{path}: no such file or folder")
    if path.is_file():
        if path.suffix.lower() not in SUFFIXES:
            raise UserError(f"{path}: of a kind that is not read; needed: {', '.join(SUFFIXES)}")
        files = [path]
    else:
        found = sorted(file for file in path.rglob("*") if file.suffix.lower() in SUFFIXES and file.is_file())
        notated = [file for file in found if file.suffix.lower() in NOTATED]
        files = notated or found  # JSON beside MIDI tells of it, most often
    if not files:
        raise UserError(f"{path}: holds no music; needed: {', '.join(SUFFIXES)}")
    for file in files:
        if file.stat().st_size > MOST_BYTES:
            raise UserError(f"{file}: has {file.stat().st_size >> 20} MB; music has {MOST_BYTES >> 20} at most")
    return files


def _from_abc(file: Path, settings: MusicSettings) -> tuple[list[Piece], int]:
    if settings.voices != 1:
        raise UserError(f"{file}: ABC tunes have one voice, and data.voices is {settings.voices}; give --data.voices 1")
    tunes = read_abc(file.read_bytes().decode("utf-8", "replace"))
    if not tunes:
        raise UserError(f"{file}: holds no tune; needed: ABC, in which a line X:1 begins each")
    kept = [tune for tune in tunes if _length(tune) == Fraction(settings.bar, 4 * PER_BEAT)]
    return [_piece(tune, settings) for tune in kept], len(tunes) - len(kept)


def _length(tune: Tune) -> Fraction | None:
    """Of a bar, in whole notes; None: not one length."""
    return None if tune.meter is None or tune.several_meters else Fraction(*tune.meter)


def _piece(tune: Tune, settings: MusicSettings) -> Piece:
    """A tune's bars one after the other; one that begins before the first whole bar begins with it."""
    whole = Fraction(settings.bar, 4 * PER_BEAT)
    lengths = [sum((length for _, length, _, _ in bar), Fraction(0)) for bar in tune.bars]
    bars = list(zip(tune.bars, lengths, strict=True))
    if len(bars) > 1 and bars[0][1] < whole:
        bars = bars[1:]
    shift = 0 if not settings.common_key or tune.sharps is None else -((7 * tune.sharps + 6) % 12 - 6)
    grids: list[np.ndarray] = []
    joined: list[tuple[Any, Fraction]] = []
    for bar, length in bars:  # what a repeat splits in two is one bar
        if joined and joined[-1][1] < whole and joined[-1][1] + length <= whole:
            before, long = joined.pop()
            bar = before + [(start + long, *rest) for start, *rest in bar]
            length += long
        joined.append((bar, length))
    for bar, _ in joined:
        notes: list[tuple[float, float, int]] = []
        tied = False
        for start, length, pitch, is_tied in bar:
            begin, end = (float(each * 4 * PER_BEAT) for each in (start, start + length))
            if pitch is None:
                continue
            pitch = min(max(pitch + shift, 0), PITCHES - 1)
            if is_tied and notes and notes[-1][2] == pitch:
                notes[-1] = (notes[-1][0], end, pitch)
                continue
            tied |= is_tied and not notes and int(begin + 0.5) == 0
            notes.append((begin, end, pitch))
        grid = on_grid(notes, settings.bar)
        if tied and grids and grid[0] < PITCHES:
            grid[0] = HOLD
        grids.append(grid)
    return Piece(tune.title, begun(np.concatenate(grids))[None])


def _from_midi(file: Path, settings: MusicSettings) -> tuple[list[Piece], int]:
    return [read_midi(file, settings.voices, settings.bar)], 0


def _from_json(file: Path, settings: MusicSettings) -> tuple[list[Piece], int]:
    """{"train": [piece, ...], ...} or [piece, ...]; a piece is a list of steps, a step a list of pitches, -1: none."""
    try:
        told = json.loads(file.read_bytes())
    except (ValueError, RecursionError) as error:
        raise UserError(f"{file}: not JSON ({' '.join(str(error).split())[:80]})") from None
    parts = list(told.values()) if isinstance(told, dict) else [told]
    needed = f"needed: lists of pieces, of steps, of {settings.voices} pitches each (-1: none)"
    pieces: list[Piece] = []
    for part in parts:
        if not isinstance(part, list):
            raise UserError(f"{file}: holds {type(part).__name__}; {needed}")
        for number, piece in enumerate(part):
            try:
                heard = np.asarray(piece, float)
            except (ValueError, TypeError):
                raise UserError(f"{file}: piece {number} has steps of several lengths; {needed}") from None
            if heard.ndim != 2 or heard.shape[1] != settings.voices:
                raise UserError(f"{file}: piece {number} is of shape {heard.shape}; {needed}")
            pieces.append(_heard(heard.T, f"{file.name} {len(pieces)}", file, settings))
    return pieces, 0


def _from_npz(file: Path, settings: MusicSettings) -> tuple[list[Piece], int]:
    """notes: (N, voices, steps) of pitches that are heard, -1: none."""
    needed = f"needed: an array {ARRAY} of (N, {settings.voices}, steps), pitches 0 to 127, -1: none"
    shape, kind = array_head(file, ARRAY)
    if len(shape) != 3 or shape[1] != settings.voices or kind.kind not in "iuf":
        raise UserError(f"{file}: {ARRAY} is of shape {shape} and type {kind}; {needed}")
    heard = read_array(file, ARRAY)
    return [_heard(piece, f"{file.name} {number}", file, settings) for number, piece in enumerate(heard)], 0


def _heard(heard: np.ndarray, name: str, file: Path, settings: MusicSettings) -> Piece:
    """Pitches heard in each step, (voices, steps), as notes; the end that is no whole bar is left out."""
    if not (np.isfinite(heard).all() and (heard == heard.round()).all() and heard.min(initial=0) >= -1):
        raise UserError(f"{file}: {name} has pitches that are no whole numbers from -1; needed: 0 to 127, -1: none")
    if heard.max(initial=0) >= PITCHES:
        raise UserError(f"{file}: {name} has a pitch of {heard.max():.0f}; needed: 0 to 127, -1: none")
    whole = heard.shape[1] // settings.bar * settings.bar
    return Piece(name, steps_of(heard[:, :whole].astype(np.int64)))


Read = Callable[[Path, MusicSettings], tuple[list[Piece], int]]
READERS: dict[str, Read] = {
    ".abc": _from_abc, ".mid": _from_midi, ".midi": _from_midi, ".json": _from_json, ".npz": _from_npz
}  # fmt: skip
