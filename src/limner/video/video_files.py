"""Video files, frame by frame, through PyAV (FFmpeg): decoded in the right colors and the right way up."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import av
from torch import Tensor

from limner.foundation.errors import UserError
from limner.photos.hidden import fill_hidden
from limner.video.video_frames import BOTTOM_FIRST, TOP_FIRST, has_alpha, is_deep, matrix_of, names_matrix, to_picture

READ_AS = ".mp4, .mov, .mkv, .webm, .avi"
TICK = Fraction(1, 90_000)
"""Of MPEG: a second divided finely enough for any rate, and for rates that vary."""
ALPHA_BESIDE = {"vp8": "libvpx", "vp9": "libvpx-vp9"}
"""Codecs whose alpha stands in a picture of its own beside each frame, and the decoders that read it."""
BOTTOM_FIELD_ORDERS = (3, 4)
"""FFmpeg's numbers of field orders of which the bottom field is shown first: AV_FIELD_BB, and AV_FIELD_TB."""


class Shown(NamedTuple):
    """A frame's time in seconds, and for how long it is shown, where the file says."""

    at: Fraction
    length: Fraction | None


@dataclass(frozen=True)
class VideoFile:
    """A video: its frames when iterated, as often as wanted; one frame is in memory at a time.

    Frames are (3, H, W) float32 in [0, 1], gamma-encoded, in the video's own primaries, turned as its metadata says;
    where one is transparent, in the colors of the nearest pixels that are seen. Sources of more than 8 bits are decoded
    to 16.

    rate: frames a second (the mean where it varies). length: frames, where the file says. fields: of interlaced frames,
    which is shown first ("tff", "bff"), or None. upended: a quarter turned. deep: of more than 8 bits. notes: what a
    user should know of its reading.
    """

    path: Path
    height: int
    width: int
    rate: Fraction
    length: int | None
    has_audio: bool
    has_alpha: bool = False
    fields: str | None = None
    upended: bool = False
    deep: bool = False
    has_subtitles: bool = False
    notes: tuple[str, ...] = ()

    def __iter__(self) -> Iterator[Tensor]:
        """Raises `UserError` when a frame cannot be decoded, differs in size, or there is none."""
        for picture, alpha in self.layers():
            seen = None if alpha is None else alpha > 0
            yield picture if seen is None or not seen.any() else fill_hidden(picture, seen)

    def layers(self) -> Iterator[tuple[Tensor, Tensor | None]]:
        """Frames as they are stored, each with its alpha, (H, W) float32 in [0, 1], where it has one.

        Raises `UserError` as iterating does.
        """
        number = 0
        with opened(self.path) as container, _explained(self.path, "cannot be decoded"):
            for number, frame in enumerate(_decoded(container), start=1):
                picture, alpha = to_picture(frame)
                if picture.shape[1:] != (self.height, self.width):
                    got = f"{picture.shape[2]} x {picture.shape[1]} after {self.width} x {self.height}"
                    raise UserError(f"{self.path}: frame {number} is {got}; needed: one size; cut the clip there")
                yield picture, alpha
        if number == 0:
            raise UserError(f"{self.path}: a video without a frame; needed: at least one")

    def shown(self) -> Iterator[Shown]:
        """When frames are shown, in order; nothing where the file does not say. Decodes nothing.

        Where the rate is even but for the rounding of the file's clock (milliseconds in Matroska), so are they.
        """
        with opened(self.path) as container, _explained(self.path, "cannot be read"):
            stream = pictures_of(container)
            tick = stream.time_base or TICK
            packets = [packet for packet in container.demux(stream) if packet.size and not packet.is_discard]
            times = {packet.pts * tick: (packet.duration or 0) * tick for packet in packets if packet.pts is not None}
        if len(times) < len(packets):  # some are unknown, or the same
            return
        starts = sorted(times)
        even = [starts[0] + number / self.rate for number in range(len(starts))]
        steady = all(abs(time - other) <= tick for time, other in zip(starts, even, strict=True))
        last = times[starts[-1]] or None
        if steady and last is not None and abs(last - 1 / self.rate) <= tick:
            last = 1 / self.rate
        starts = even if steady else starts
        lengths = [after - before for before, after in pairwise(starts)]
        yield from map(Shown, starts, (*lengths, last))

    def times(self) -> Iterator[Fraction]:
        """The seconds of `shown`."""
        return (frame.at for frame in self.shown())


def open_video(path: Path) -> VideoFile:
    """Look at a video file. Raises `UserError` for what is not one, is broken, or has no pictures."""
    with opened(path) as container, _explained(path, "cannot be decoded"):
        stream = pictures_of(container)
        first = next(_decoded(container), None)
        if first is None:
            raise UserError(f"{path}: a video without a frame; needed: at least one")
        height, width = to_picture(first)[0].shape[1:]
        rate = stream.guessed_rate or stream.average_rate or Fraction(25)
        bottom = stream.codec_context.field_order in BOTTOM_FIELD_ORDERS or stream.codec_context.name == "dvvideo"
        notes = []
        if not names_matrix(first):
            matrix = "BT.709" if matrix_of(first).name == "ITU709" else "BT.601"
            notes.append(f"the video names no color matrix: taken as {matrix}, as most players do at its size")
        return VideoFile(
            path,
            height,
            width,
            rate,
            stream.frames or None,
            bool(container.streams.audio),
            has_alpha=has_alpha(first),
            fields=(BOTTOM_FIRST if bottom else TOP_FIRST) if first.interlaced_frame else None,
            upended=round(first.rotation / 90) % 2 == 1,
            deep=is_deep(first),
            has_subtitles=bool(container.streams.subtitles),
            notes=tuple(notes),
        )


@contextmanager
def opened(path: Path) -> Iterator[av.container.InputContainer]:
    """A file as a container. Only local files are read, whatever a playlist inside it names."""
    if not path.is_file():
        raise UserError(f"{path}: no such file; needed: a video ({READ_AS}) or a folder of frames")
    with _explained(path, "not a video that can be read"):
        container = av.open(str(path), options={"protocol_whitelist": "file"})
    with container:
        # FFmpeg reads text as ANSI art and single pictures as videos of one frame.
        if container.format.name == "tty" or container.format.name.endswith("_pipe"):
            raise UserError(f"{path}: not a video; needed: a video ({READ_AS}) or a folder of frames")
        yield container


def pictures_of(container: av.container.InputContainer) -> av.VideoStream:
    """The first stream of moving pictures; the cover of a song is none."""
    for stream in container.streams.video:
        if not stream.disposition & av.stream.Disposition.attached_pic:
            return stream
    raise UserError(f"{container.name}: holds no pictures, only sound or data; needed: a video ({READ_AS})")


def _decoded(container: av.container.InputContainer) -> Iterator[av.VideoFrame]:
    """The frames of `pictures_of`, with their alpha."""
    stream = pictures_of(container)
    beside = ALPHA_BESIDE.get(stream.codec_context.name) if stream.metadata.get("alpha_mode") == "1" else None
    if beside is None or beside not in av.codecs_available:
        stream.thread_type = "AUTO"
        yield from container.decode(stream)
        return
    decoder = av.VideoCodecContext.create(beside, "r")
    assert isinstance(decoder, av.VideoCodecContext)  # as its codec is one of pictures
    decoder.extradata = stream.codec_context.extradata
    for packet in container.demux(stream):
        yield from decoder.decode(packet)


@contextmanager
def _explained(path: Path, what: str) -> Iterator[None]:
    """FFmpeg's errors as one line."""
    try:
        yield
    except av.FFmpegError as error:
        raise UserError(f"{path}: {what} ({error.strerror}); needed: a whole video ({READ_AS})") from error
