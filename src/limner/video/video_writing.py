"""Pictures written as a video file: H.264, with the times, the sound and what else its source says of itself."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from fractions import Fraction
from itertools import chain, count
from pathlib import Path

import av
from av.video.reformatter import ColorRange, Colorspace
from torch import Tensor

from limner.foundation.errors import UserError
from limner.foundation.files.suffixes import WRITTEN_VIDEOS, ends_with
from limner.foundation.files.writing import replacing
from limner.video.video_files import TICK, Shown, VideoFile, opened, pictures_of
from limner.video.video_frames import UNSPECIFIED, to_frame

QUALITY = "16"
"""Constant rate factor of x264, 0 to 51: 18 already passes for lossless, and a look leaves room for the next step."""
BT709 = 1
"""Number of H.273 for matrix, primaries and transfer."""
OF_THE_FILE = ("major_brand", "minor_version", "compatible_brands", "encoder")
"""Of a container's tags, those that describe it rather than the clip."""


def write_video(
    path: Path,
    frames: Iterable[Tensor],
    rate: Fraction,
    like: VideoFile | None = None,
    *,
    alphas: Iterable[Tensor | None] | None = None,
) -> None:
    """Write frames as H.264 (8 bits, 4:2:0, BT.709), whole or not at all.

    Odd heights and widths, which 4:2:0 cannot hold, get one more row or column, the last one again; interlaced frames
    a height that four divides.

    path: .mp4, .mov or .mkv. frames: (3, H, W) float, gamma-encoded; clipped to [0, 1]. rate: frames a second. like:
    a video whose sound is copied as it is, and whose frames' times and lengths, fields, shape of pixels, primaries,
    transfer and tags hold here. alphas: of each frame, (H, W) float or None; what is transparent is laid on black.

    Raises `UserError` for another suffix and for sound that the kind of file cannot hold, `ValueError` for no frames.
    """
    if not ends_with(path, WRITTEN_VIDEOS):
        raise UserError(f"{path}: videos are written as {', '.join(WRITTEN_VIDEOS)}; give a name that ends so")
    frames = iter(frames)
    first = next(frames, None)
    if first is None:
        raise ValueError(f"no frames for {path}; needed: at least one")
    pictures: Iterator[Tensor] = chain([first], frames)
    if alphas is not None:
        pictures = (_on_black(picture, alpha) for picture, alpha in zip(pictures, alphas, strict=False))
    fields = kept_fields(like)
    with ExitStack() as stack:
        stack.enter_context(_explained_writing(path))
        source = stack.enter_context(opened(like.path)) if like else None
        output = stack.enter_context(_output(stack.enter_context(replacing(path))))
        times = list(like.shown()) if like else []
        options = {"crf": QUALITY}
        if len({shown.length for shown in times if shown.length}) > 1:
            # Frames that are stored out of order leave no place for the last one's length where lengths differ.
            options["bf"] = "0"
        if fields:
            options |= {"flags": "+ildct+ilme", "x264-params": f"{fields}=1"}
        stream = output.add_stream("libx264", rate=rate, options=options)
        sample = to_frame(first, fields)
        stream.height, stream.width = sample.height, sample.width
        tick = Fraction(
            1, rate.numerator * max(1, round(1 / TICK / rate.numerator))
        )  # the rate is a whole number of it
        stream.pix_fmt, stream.codec_context.time_base = "yuv420p", tick
        _name_colors(stream, source)
        if source is not None:
            output.metadata.update({name: text for name, text in source.metadata.items() if name not in OF_THE_FILE})
        sound = _copied_sound(source, _sound_streams(source, output, path)) if source else iter(())
        encoded = _encoded(stream, zip(pictures, _going_on(times, rate), strict=False), fields, tick)
        for packet in heapq.merge(encoded, sound, key=_decoded_at):
            output.mux(packet)


def kept_fields(like: VideoFile | None) -> str | None:
    """Which field is first in the result: a quarter turned, rows of a moment have become columns, and are no fields."""
    return None if like is None or like.upended else like.fields


def _on_black(picture: Tensor, alpha: Tensor | None) -> Tensor:
    return picture if alpha is None else picture * alpha.to(picture)


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


def _encoded(
    stream: av.VideoStream, frames: Iterable[tuple[Tensor, Shown]], fields: str | None, tick: Fraction
) -> Iterator[av.Packet]:
    """The packets of frames, each given with its time. tick: seconds."""
    lengths: dict[int, int] = {}
    for picture, shown in frames:
        frame = to_frame(picture, fields)
        frame.time_base, frame.pts = tick, round(shown.at / tick)
        if shown.length:
            lengths[frame.pts] = round((shown.at + shown.length) / tick) - frame.pts
        yield from _lasting(stream.encode(frame), lengths, tick)
    yield from _lasting(stream.encode(), lengths, tick)


def _lasting(packets: Iterable[av.Packet], lengths: dict[int, int], tick: Fraction) -> Iterator[av.Packet]:
    """Packets with their lengths: the encoder forgets them, and the last one's stands nowhere else in a file."""
    for packet in packets:
        assert packet.pts is not None and packet.time_base is not None  # of an encoder
        length = lengths.pop(round(packet.pts * packet.time_base / tick), None)
        if length is not None:
            packet.duration = round(length * tick / packet.time_base)
        yield packet


def _name_colors(stream: av.VideoStream, source: av.container.InputContainer | None) -> None:
    """Tell players how to show the frames: our matrix and range, the source's primaries, transfer, shape of pixels."""
    context = stream.codec_context
    context.colorspace, context.color_range = int(Colorspace.ITU709), int(ColorRange.MPEG)
    context.color_primaries = context.color_trc = BT709
    if source is None:
        return
    pictures = pictures_of(source)
    if pictures.color_primaries not in UNSPECIFIED:
        context.color_primaries = pictures.color_primaries
    if pictures.color_trc not in UNSPECIFIED:
        context.color_trc = pictures.color_trc
    shape = pictures.sample_aspect_ratio or Fraction(1)
    turned = (pictures.width > pictures.height) != (stream.width > stream.height)
    context.sample_aspect_ratio = 1 / shape if turned else shape


def _going_on(times: Sequence[Shown], rate: Fraction) -> Iterator[Shown]:
    """When each frame is shown; after the last time known, and where none is, at the even rate."""
    yield from times
    after = times[-1].at + (times[-1].length or 1 / rate) if times else Fraction(0)
    yield from (Shown(after + step / rate, 1 / rate) for step in count())


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
