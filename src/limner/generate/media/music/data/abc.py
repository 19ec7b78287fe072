"""Melodies from ABC notation, the text in which folk tunes are exchanged: keys, lengths, ties, bars, and no more.

Read are the fields M (meter), L (length of a unit), K (key) and T (title); notes with accidentals, octaves and lengths,
rests, ties, broken rhythm and tuplets; of a chord the highest note. Left out are chord names, grace notes, ornaments
and words. Repeats stand once, as they are written; of a bar that is too long the end is lost.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction

SEMITONES = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
SHARPS = "FCGDAEB"
MODES = {"maj": 0, "ion": 0, "mix": -1, "dor": -2, "min": -3, "aeo": -3, "phr": -4, "loc": -5, "lyd": 1}
"""By how many fifths the signature of a mode is away from that of the major key on the same note."""
TUPLETS = {2: 3, 3: 2, 4: 3, 6: 2, 8: 3}
"""In the time of how many so many notes are played; of 5, 7 and 9 it is 2, or 3 in compound meters."""
TOKEN = re.compile(
    r'"[^"]*"|![^!]*!|\{[^}]*\}'  # chord names, ornaments, grace notes
    r"|\[[A-Za-z]:[^\]]*\]"  # fields within a line
    r"|(?P<bar>:*\|[|\]:]*|::|\[\||\[\d)"
    r"|(?P<tuplet>\(\d)(?::(?P<time>\d?))?(?::(?P<count>\d?))?"
    r"|(?P<chord>\[[^\]|]*\])(?P<chord_length>\d*/*\d*)"
    r"|(?P<note>(?:\^\^|__|[\^_=])?[A-Ga-g][,']*|[zx])(?P<length>\d*/*\d*)"
    r"|(?P<broken>>+|<+)|(?P<tie>-)"
)
NOTE = re.compile(r"(?P<accidental>\^\^|__|[\^_=])?(?P<letter>[A-Ga-g])(?P<octave>[,']*)")
ACCIDENTALS = {"^^": 2, "^": 1, "=": 0, "_": -1, "__": -2}


@dataclass
class Tune:
    """A tune as it is written. meter: such as (4, 4). sharps: of its key, flats below 0; None: not said. bars: of each
    its notes, (start, length, pitch, tied), in whole notes, pitch None: a rest; tied: to the note before."""

    title: str = ""
    meter: tuple[int, int] | None = None
    sharps: int | None = None
    bars: list[list[tuple[Fraction, Fraction, int | None, bool]]] = field(default_factory=list)
    several_meters: bool = False


def read_abc(text: str) -> list[Tune]:
    """The tunes of a text in ABC; a line that begins with X: begins the next. Those without notes are left out."""
    parts = re.split(r"(?m)^X:.*$", text.replace("\r\n", "\n"))[1:]
    tunes = [_tune(part) for part in parts]
    return [tune for tune in tunes if any(pitch is not None for bar in tune.bars for _, _, pitch, _ in bar)]


def sharps_of(key: str) -> int | None:
    """How many sharps a key's signature has, flats below 0; None where it is not told.

    >>> sharps_of("G"), sharps_of("Am"), sharps_of("D mix"), sharps_of("Bb")
    (1, 0, 1, -2)
    """
    found = re.match(r"\s*([A-G])([#b]?)\s*([A-Za-z]*)", key)
    if not found:
        return None
    tonic, sign, mode = found.groups()
    fifths = SHARPS.index(tonic) - 1 + {"": 0, "#": 7, "b": -7}[sign]
    mode = mode.lower()
    return fifths + (-3 if mode == "m" else MODES.get(mode[:3], 0))


def _tune(text: str) -> Tune:
    tune, reader = Tune(), _Reader()
    for line in text.splitlines():
        line = line.split("%")[0].strip()
        name, said = line[:1], line[2:].strip()
        if line[1:2] == ":" and name.isalpha():
            if name == "T" and not tune.title:
                tune.title = said
            elif name == "M":
                meter = _meter(said)
                tune.several_meters |= tune.meter is not None and meter != tune.meter
                tune.meter = tune.meter or meter
                reader.compound = meter is not None and meter[0] in (6, 9, 12)
            elif name == "L" and (found := re.match(r"(\d+)\s*/\s*(\d+)", said)) and int(found[2]):
                reader.unit = Fraction(int(found[1]), int(found[2]))
            elif name == "K":
                sharps = sharps_of(said)
                reader.signature = _signature(sharps or 0)
                tune.sharps = sharps if tune.sharps is None else tune.sharps
        else:
            reader.read(line.rstrip("\\"))
    reader.end_bar()
    tune.bars = reader.bars
    return tune


def _meter(said: str) -> tuple[int, int] | None:
    if said in ("C", "C|"):
        return (4, 4) if said == "C" else (2, 2)
    found = re.match(r"(\d+)\s*/\s*(\d+)", said)
    return (int(found[1]), int(found[2])) if found and int(found[2]) else None


def _signature(sharps: int) -> dict[str, int]:
    return dict.fromkeys(SHARPS[:sharps], 1) if sharps >= 0 else dict.fromkeys(SHARPS[sharps:], -1)


class _Reader:
    """Where in a tune it is."""

    def __init__(self) -> None:
        self.unit, self.signature, self.compound = Fraction(1, 8), dict[str, int](), False
        self.bars: list[list[tuple[Fraction, Fraction, int | None, bool]]] = []
        self.bar: list[tuple[Fraction, Fraction, int | None, bool]] = []
        self.at, self.altered = Fraction(0), dict[tuple[str, int], int]()
        self.tuplet, self.left = Fraction(1), 0
        self.broken, self.tied = Fraction(1), False

    def read(self, line: str) -> None:
        """Read a line of notes."""
        for found in TOKEN.finditer(line):
            told = found.groupdict()
            if told["bar"]:
                self.end_bar()
            elif told["tuplet"]:
                self._begin_tuplet(int(told["tuplet"][1:]), told["time"], told["count"])
            elif told["chord"]:
                inside = list(_notes(told["chord"]))
                pitches = [self._pitch(each) for each, _ in inside]
                if pitches:
                    self._add(max(pitches), (_length(told["chord_length"])) * _length(inside[0][1]))
            elif told["note"]:
                note = NOTE.fullmatch(told["note"])
                self._add(None if note is None else self._pitch(note), _length(told["length"]))
            elif told["broken"] and self.bar:
                self._break(told["broken"])
            elif told["tie"]:
                self.tied = True

    def end_bar(self) -> None:
        """What a bar line does."""
        if self.bar:
            self.bars.append(self.bar)
        self.bar, self.at = [], Fraction(0)
        self.altered = {}

    def _begin_tuplet(self, notes: int, time: str | None, count: str | None) -> None:
        usual = TUPLETS.get(notes, 3 if self.compound else 2)
        self.tuplet = Fraction(int(time) if time else usual, max(notes, 1))
        self.left = int(count) if count else notes

    def _pitch(self, note: re.Match[str]) -> int:
        letter, octave = note["letter"].upper(), 5 + note["letter"].islower()
        octave += note["octave"].count("'") - note["octave"].count(",")
        if note["accidental"]:
            self.altered[letter, octave] = ACCIDENTALS[note["accidental"]]
        alteration = self.altered.get((letter, octave), self.signature.get(letter, 0))
        return 12 * octave + SEMITONES[letter] + alteration

    def _add(self, pitch: int | None, length: Fraction) -> None:
        length *= self.unit * self.broken * (self.tuplet if self.left else 1)
        self.left, self.broken = max(0, self.left - 1), Fraction(1)
        self.bar.append((self.at, length, pitch, self.tied and pitch is not None))
        self.tied = False
        self.at += length

    def _break(self, signs: str) -> None:
        """``a>b``: half of b's length goes to a; ``<`` the other way."""
        short = Fraction(1, 2 ** len(signs))
        before, after = (2 - short, short) if signs[0] == ">" else (short, 2 - short)
        start, length, pitch, tied = self.bar[-1]
        self.bar[-1] = (start, length * before, pitch, tied)
        self.at = start + length * before
        self.broken = after


def _notes(chord: str) -> Iterator[tuple[re.Match[str], str]]:
    for found in re.finditer(NOTE.pattern + r"(?P<of>\d*/*\d*)", chord):
        yield found, found["of"]


def _length(said: str) -> Fraction:
    """``3``, ``3/2``, ``/``, ``//``, ``/4`` in units."""
    if not said:
        return Fraction(1)
    above, slashes, below = re.fullmatch(r"(\d*)(/*)(\d*)", said).groups()  # type: ignore[union-attr]
    divided = int(below or 2 ** len(slashes)) if slashes else 1
    return Fraction(int(above or 1), max(1, divided))
