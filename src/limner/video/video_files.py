"""Video files, frame by frame, through PyAV (FFmpeg): decoded in the right colors and the right way up; H.264 out."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain, count
from pathlib import Path

import av
import numpy as np
import torch
from av.video.reformatter import ColorRange, Colorspace, Interpolation
from torch import Tensor

from limner.foundation.errors import UserError
from limner.foundation.files import replacing

READ_AS = ".mp4, .mov, .mkv, .webm, .avi"
WRITTEN_SUFFIXES = (".mp4", ".mov", ".mkv")
QUALITY = "16"
"""Constant rate factor of x264, 0 to 51: 18 already passes for lossless, and a look leaves room for the next step."""
BT709, UNSPECIFIED = 1, 2
"""Numbers of H.273 for matrix, primaries and transfer; the second where nobody named them."""
TICK = Fraction(1, 90_000)
"""Of MPEG: a second divided finely enough for any rate, and for rates that vary."""
LARGEST_STANDARD_DEFINITION_PX = 576
"""Pictures that are higher and say nothing of their color space are BT.709, others BT.601, as players read them."""
ACCURATE = int(Interpolation.BICUBIC | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT)
"""The scaler's plain path repeats chroma samples and errs by up to 2 of 255."""


@dataclass(frozen=True)
class VideoFile:
    """A video: its frames when iterated, as often as wanted; one frame is in memory at a time.

    Frames are (3, H, W) float32 in [0, 1], gamma-encoded, in the video's own primaries, turned as its metadata says.
    Sources of more than 8 bits are decoded to 16.

    rate: frames a second (the mean where it varies). length: frames, where the file says.
    """

    path: Path
    height: int
    width: int
    rate: Fraction
    length: int | None
    has_audio: bool

    def __iter__(self) -> Iterator[Tensor]:
        """Raises `UserError` when a frame cannot be decoded, differs in size, or there is none."""
        number = 0
        with _opened(self.path) as container, _explained(self.path, "cannot be decoded"):
            stream = _pictures_of(container)
            stream.thread_type = "AUTO"
            for number, frame in enumerate(container.decode(stream), start=1):
                picture = _upright(frame)
                if picture.shape[1:] != (self.height, self.width):
                    got = f"{picture.shape[2]} x {picture.shape[1]} after {self.width} x {self.height}"
                    raise UserError(f"{self.path}: frame {number} is {got}; needed: one size; cut the clip there")
                yield picture
        if number == 0:
            raise UserError(f"{self.path}: a video without a frame; needed: at least one")

    def times(self) -> Iterator[Fraction]:
        """Seconds at which the frames are shown, in order; none where the file does not say. Decodes nothing.

        Where the rate is even but for the rounding of the file's clock (milliseconds in Matroska), so are they.
        """
        with _opened(self.path) as container, _explained(self.path, "cannot be read"):
            stream = _pictures_of(container)
            tick = stream.time_base or TICK
            packets = (packet for packet in container.demux(stream) if packet.size and not packet.is_discard)
            times = [None if packet.pts is None else packet.pts * tick for packet in packets]
        shown = sorted({time for time in times if time is not None})
        if len(shown) < len(times):  # some are unknown, or the same
            return
        even = [shown[0] + number / self.rate for number in range(len(shown))]
        steady = all(abs(time - other) <= tick for time, other in zip(shown, even, strict=True))
        yield from even if steady else shown


def open_video(path: Path) -> VideoFile:
    """Look at a video file. Raises `UserError` for what is not one, is broken, or has no pictures."""
    with _opened(path) as container, _explained(path, "cannot be decoded"):
        stream = _pictures_of(container)
        first = next(container.decode(stream), None)
        if first is None:
            raise UserError(f"{path}: a video without a frame; needed: at least one")
        height, width = _upright(first).shape[1:]
        rate = stream.guessed_rate or stream.average_rate or Fraction(25)
        return VideoFile(path, height, width, rate, stream.frames or None, bool(container.streams.audio))


def write_video(path: Path, frames: Iterable[Tensor], rate: Fraction, like: VideoFile | None = None) -> None:
    """Write frames as H.264 (8 bits, 4:2:0, BT.709), whole or not at all.

    Odd heights and widths, which 4:2:0 cannot hold, get one more row or column, the last one again.

    path: .mp4, .mov or .mkv. frames: (3, H, W) float, gamma-encoded; clipped to [0, 1]. rate: frames a second. like:
    a video whose sound is copied as it is, and whose frames' times, shape of pixels, primaries and transfer hold here.

    Raises `UserError` for another suffix and for sound that the kind of file cannot hold, `ValueError` for no frames.
    """
    if path.suffix.lower() not in WRITTEN_SUFFIXES:
        raise UserError(f"{path}: videos are written as {', '.join(WRITTEN_SUFFIXES)}; give a name that ends so")
    frames = iter(frames)
    first = next(frames, None)
    if first is None:
        raise ValueError(f"no frames for {path}; needed: at least one")
    with ExitStack() as stack:
        stack.enter_context(_explained_writing(path))
        source = stack.enter_context(_opened(like.path)) if like else None
        output = stack.enter_context(_output(stack.enter_context(replacing(path))))
        stream = output.add_stream("libx264", rate=rate, options={"crf": QUALITY})
        stream.height, stream.width = (size + size % 2 for size in first.shape[1:])
        stream.pix_fmt, stream.codec_context.time_base = "yuv420p", TICK
        _name_colors(stream, source)
        sound = _copied_sound(source, _sound_streams(source, output, path)) if source else iter(())
        pictures = _encoded(stream, zip(chain([first], frames), _times(rate, like), strict=False))
        for packet in heapq.merge(pictures, sound, key=_decoded_at):
            output.mux(packet)


@contextmanager
def _opened(path: Path) -> Iterator[av.container.InputContainer]:
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


@contextmanager
def _explained_writing(path: Path) -> Iterator[None]:
    """FFmpeg's errors as one line."""
    try:
        yield
    except av.FFmpegError as error:
        advice = "is there room on the disk? else give a name in .mkv, which holds any sound"
        raise UserError(f"{path}: cannot be written ({error.strerror}); {advice}") from error


@contextmanager
def _output(path: Path) -> Iterator[av.container.OutputContainer]:
    """A file to write into. When the block fails, so may closing it, which must not hide why."""
    output = av.open(str(path), "w")
    try:
        yield output
    except BaseException:
        with suppress(av.FFmpegError):
            output.close()
        raise
    output.close()


@contextmanager
def _explained(path: Path, what: str) -> Iterator[None]:
    """FFmpeg's errors as one line."""
    try:
        yield
    except av.FFmpegError as error:
        raise UserError(f"{path}: {what} ({error.strerror}); needed: a whole video ({READ_AS})") from error


def _pictures_of(container: av.container.InputContainer) -> av.VideoStream:
    """The first stream of moving pictures; the cover of a song is none."""
    for stream in container.streams.video:
        if not stream.disposition & av.stream.Disposition.attached_pic:
            return stream
    raise UserError(f"{container.name}: holds no pictures, only sound or data; needed: a video ({READ_AS})")


def _upright(frame: av.VideoFrame) -> Tensor:
    """A decoded frame as it is meant to be seen, (3, H, W) float32 in [0, 1]."""
    deep = any(component.bits > 8 for component in frame.format.components)
    named = frame.colorspace if frame.colorspace != UNSPECIFIED else _customary_space(frame.height)
    values = frame.to_ndarray(
        format="rgb48le" if deep else "rgb24",
        src_colorspace=None if frame.format.is_rgb else named,
        interpolation=ACCURATE,
    )
    values = np.rot90(values, round(frame.rotation / 90))  # both count counterclockwise
    picture = torch.from_numpy(np.ascontiguousarray(values.transpose(2, 0, 1)).astype(np.float32))
    return picture.div_(65535 if deep else 255)


def _customary_space(height: int) -> Colorspace:
    return Colorspace.ITU709 if height > LARGEST_STANDARD_DEFINITION_PX else Colorspace.ITU601


def _encodable(picture: Tensor) -> av.VideoFrame:
    """A frame of even size in BT.709, limited range. The step to 4:2:0 starts from 16 bits, so it rounds once."""
    height, width = picture.shape[1:]
    values = picture.detach().clamp(0, 1).mul(65535).round().to("cpu", torch.int32).numpy().astype(np.uint16)
    values = np.pad(values, ((0, 0), (0, height % 2), (0, width % 2)), mode="edge").transpose(1, 2, 0)
    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(values), format="rgb48le")
    return frame.reformat(
        format="yuv420p", dst_colorspace=Colorspace.ITU709, dst_color_range=ColorRange.MPEG, interpolation=ACCURATE
    )


def _encoded(stream: av.VideoStream, frames: Iterable[tuple[Tensor, Fraction]]) -> Iterator[av.Packet]:
    """The packets of frames, each given with its time in seconds."""
    for picture, seconds in frames:
        frame = _encodable(picture)
        frame.time_base, frame.pts = TICK, round(seconds / TICK)
        yield from stream.encode(frame)
    yield from stream.encode()


def _name_colors(stream: av.VideoStream, source: av.container.InputContainer | None) -> None:
    """Tell players how to show the frames: our matrix and range, the source's primaries, transfer, shape of pixels."""
    context = stream.codec_context
    context.colorspace, context.color_range = int(Colorspace.ITU709), int(ColorRange.MPEG)
    context.color_primaries = context.color_trc = BT709
    if source is None:
        return
    pictures = _pictures_of(source)
    if pictures.color_primaries != UNSPECIFIED:
        context.color_primaries = pictures.color_primaries
    if pictures.color_trc != UNSPECIFIED:
        context.color_trc = pictures.color_trc
    shape = pictures.sample_aspect_ratio or Fraction(1)
    turned = (pictures.width > pictures.height) != (stream.width > stream.height)
    context.sample_aspect_ratio = 1 / shape if turned else shape


def _times(rate: Fraction, like: VideoFile | None) -> Iterator[Fraction]:
    """When each frame is shown, in seconds; after the last time known, and where none is, at the even rate."""
    seconds, after = Fraction(0), 0
    for seconds in like.times() if like else ():
        after = 1
        yield seconds
    yield from (seconds + step / rate for step in count(after))


def _sound_streams(
    source: av.container.InputContainer, output: av.container.OutputContainer, path: Path
) -> dict[int, av.AudioStream]:
    """A stream of the output for each audio stream of the source, by the source's number; the last streams added."""
    try:
        copies = {stream.index: output.add_stream_from_template(stream) for stream in source.streams.audio}
        output.start_encoding()  # writes the header, where an impossible stream shows
        return copies
    except (ValueError, av.FFmpegError):
        kind = source.streams.audio[0].codec_context.name
        raise UserError(f"{path}: cannot hold the sound of {source.name} ({kind}); give a name in .mkv") from None


def _copied_sound(source: av.container.InputContainer, copies: dict[int, av.AudioStream]) -> Iterator[av.Packet]:
    """The audio packets of the source, each belonging to its stream of the output."""
    if copies:
        for packet in source.demux(*source.streams.audio):
            if packet.size:
                packet.stream = copies[packet.stream.index]
                yield packet


def _decoded_at(packet: av.Packet) -> Fraction:
    """Seconds at which a player needs the packet: the order in which a file holds them."""
    return Fraction(0) if packet.dts is None else packet.dts * packet.time_base
