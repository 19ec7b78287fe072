"""Piano rolls: music as a picture, pitch upwards and time to the right."""

import numpy as np

from limner.generate.media.music.data.notes import notes_of

STEP_PX, PITCH_PX, GAP_PX = 5, 4, 8
PAPER, BAR_LINE, OCTAVE = (255, 255, 255), (190, 190, 190), (238, 238, 238)
VOICES = ((31, 119, 180), (214, 94, 0), (0, 130, 90), (150, 50, 150))
"""Colors of voices, from the highest down; then again."""
COLUMNS = 2


def roll_picture(phrases: np.ndarray, bar: int, columns: int = COLUMNS) -> np.ndarray:
    """(H, W, 3) uint8: phrases, (n, voices, steps) of pitches, `HOLD` and `REST`, beside and below each other.

    Gray lines stand at the bars, light ones at each C; all phrases have the same range.
    """
    found = [[notes_of(voice) for voice in phrase] for phrase in phrases]
    pitches = np.concatenate([notes.pitch for voices in found for notes in voices] or [np.array([60])])
    pitches = pitches if len(pitches) else np.array([60])
    low, high = int(pitches.min()) - 2, int(pitches.max()) + 2
    steps = phrases.shape[2]
    height, width = (high - low + 1) * PITCH_PX, steps * STEP_PX
    columns = min(columns, max(1, len(phrases)))
    rows = -(-max(1, len(phrases)) // columns)
    sheet = np.full(((height + GAP_PX) * rows - GAP_PX, (width + GAP_PX) * columns - GAP_PX, 3), 255, np.uint8)
    for number, voices in enumerate(found):
        picture = np.full((height, width, 3), PAPER, np.uint8)
        for pitch in range(low + (-low) % 12, high + 1, 12):
            picture[_row(pitch, high)] = OCTAVE
        picture[:, :: bar * STEP_PX] = BAR_LINE
        for voice, notes in reversed(list(enumerate(voices))):
            for pitch, start, length in zip(notes.pitch, notes.start, notes.duration, strict=True):
                at = slice(start * STEP_PX + 1, (start + length) * STEP_PX)
                picture[_row(int(pitch), high), at] = VOICES[voice % len(VOICES)]
        row, column = divmod(number, columns)
        top, left = row * (height + GAP_PX), column * (width + GAP_PX)
        sheet[top : top + height, left : left + width] = picture
    return sheet


def _row(pitch: int, high: int) -> slice:
    return slice((high - pitch) * PITCH_PX, (high - pitch + 1) * PITCH_PX)
