from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest
import torch

from drawn_videos import encode, moving_gradient
from limner.foundation.errors import UserError
from limner.video.video_files import open_video
from limner.video.video_writing import write_video


def add_sound(path: Path, silent: Path, codec: str = "aac", seconds: int = 1) -> None:
    """A copy of a silent video with a tone."""
    with av.open(str(silent)) as source, av.open(str(path), "w") as output:
        video = output.add_stream_from_template(source.streams.video[0])
        audio = output.add_stream(codec, rate=48_000)
        layout = "s16" if codec.startswith("pcm") else "fltp"
        tone = np.sin(np.arange(48_000 * seconds) * 0.05)
        for start in range(0, len(tone) - 1023, 1024):
            part = np.tile(tone[start : start + 1024], (2, 1)) * 0.3
            values = part.astype(np.float32) if layout == "fltp" else (part * 32767).astype(np.int16).T.reshape(1, -1)
            frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(values), format=layout, layout="stereo")
            frame.sample_rate, frame.pts = 48_000, start
            output.mux(audio.encode(frame))
        output.mux(audio.encode())
        for packet in source.demux(source.streams.video[0]):
            if packet.size:
                packet.stream = video
                output.mux(packet)


def audio_bytes(path: Path) -> list[bytes]:
    with av.open(str(path)) as container:
        return [bytes(packet) for packet in container.demux(audio=0) if packet.size]


@pytest.mark.parametrize(
    ("name", "codec", "pixels"),
    [
        ("clip.mp4", "libx264", "yuv420p"),
        ("clip.mkv", "libx264", "yuv444p"),
        ("clip.mov", "libx264", "yuv420p10le"),
        ("clip.avi", "libx264", "yuv420p"),
        ("clip.webm", "libvpx-vp9", "yuv420p"),
    ],
)
def test_a_video_gives_its_frames_in_their_colors_as_often_as_asked(
    tmp_path: Path, name: str, codec: str, pixels: str
) -> None:
    frames = moving_gradient(7)
    encode(tmp_path / name, frames, codec=codec, pixels=pixels)
    video = open_video(tmp_path / name)
    assert (video.height, video.width, video.rate, video.has_audio) == (48, 64, 25, False)
    assert video.length in (7, None)
    for _ in range(2):
        read = list(video)
        assert len(read) == 7
        for got, wanted in zip(read, frames, strict=True):
            assert got.dtype == torch.float32 and got.shape == (3, 48, 64)
            assert (got - wanted).abs().mean() < 0.01


def test_ten_bit_sources_keep_finer_steps_than_eight_bits(tmp_path: Path) -> None:
    ramp = torch.linspace(0.4, 0.42, 256).expand(3, 32, 256)
    encode(tmp_path / "deep.mp4", [ramp] * 3, pixels="yuv420p10le")
    frame = next(iter(open_video(tmp_path / "deep.mp4")))
    assert len(frame[1].unique()) > 10  # 0.02 spans five steps of 8 bits


def test_rotation_of_a_phone_is_applied(tmp_path: Path) -> None:
    path = tmp_path / "phone.mp4"
    encode(path, moving_gradient(3))
    # The matrix of a phone held upright: the stored picture is to be turned clockwise (QuickTime, track header).
    data = bytearray(path.read_bytes())
    matrix = data.find(b"tkhd") + 44
    data[matrix : matrix + 36] = np.array([0, 65536, 0, -65536, 0, 0, 0, 0, 1 << 30], ">i4").tobytes()
    path.write_bytes(data)
    video = open_video(path)
    assert (video.height, video.width) == (64, 48)
    frame = next(iter(video))
    assert frame.shape == (3, 64, 48)
    assert frame[0, :, 40].mean() > frame[1, :, 40].mean()  # the red upper half lies on the right
    assert frame[0, :, 8].mean() < frame[1, :, 8].mean()
    write_video(tmp_path / "result.mp4", video, video.rate, video)
    assert open_video(tmp_path / "result.mp4").height == 64


@pytest.mark.parametrize(("height", "meant", "other"), [(48, 5, 1), (720, 1, 5)])
def test_a_color_space_that_nobody_named_goes_by_the_height(
    tmp_path: Path, height: int, meant: int, other: int
) -> None:
    path, errors = tmp_path / "unnamed.mkv", {}
    for space in (meant, other):
        with av.open(str(path), "w") as output:
            stream = output.add_stream("libx264", rate=25)
            stream.height, stream.width = height, 64
            frame = av.VideoFrame.from_ndarray(np.full((height, 64, 3), (30, 200, 60), np.uint8), format="rgb24")
            encoded = frame.reformat(format="yuv420p", dst_colorspace=space)
            encoded.colorspace = 2
            output.mux([*stream.encode(encoded), *stream.encode()])
        errors[space] = (next(iter(open_video(path)))[:, 5, 5] * 255 - torch.tensor([30.0, 200, 60])).abs().max()
    assert errors[meant] < 3 < 10 < errors[other]


def test_written_video_has_frames_rate_and_sound_of_the_source(tmp_path: Path) -> None:
    encode(tmp_path / "silent.mp4", moving_gradient(20), rate=30)
    add_sound(tmp_path / "source.mp4", tmp_path / "silent.mp4")
    source = open_video(tmp_path / "source.mp4")
    assert source.has_audio
    write_video(tmp_path / "result.mp4", (1 - frame for frame in source), source.rate, source)
    result = open_video(tmp_path / "result.mp4")
    assert (result.rate, result.length, result.has_audio) == (30, 20, True)
    assert list(result.times()) == list(source.times())
    assert audio_bytes(result.path) == audio_bytes(source.path)
    for got, wanted in zip(result, source, strict=True):
        assert (got - (1 - wanted)).abs().mean() < 0.01
    assert sorted(path.name for path in tmp_path.iterdir()) == ["result.mp4", "silent.mp4", "source.mp4"]


def test_varying_rates_keep_their_times(tmp_path: Path) -> None:
    ticks = [0, 40, 50, 300, 310, 700]
    path = tmp_path / "varying.mkv"
    with av.open(str(path), "w") as output:
        stream = output.add_stream("libx264", rate=25)
        stream.height, stream.width = 48, 64
        stream.codec_context.time_base = Fraction(1, 1000)
        for picture, tick in zip(moving_gradient(6), ticks, strict=True):
            values = np.ascontiguousarray((picture * 255).numpy().astype(np.uint8).transpose(1, 2, 0))
            frame = av.VideoFrame.from_ndarray(values, format="rgb24")
            frame.pts, frame.time_base = tick, Fraction(1, 1000)
            output.mux(stream.encode(frame))
        output.mux(stream.encode())
    source = open_video(path)
    write_video(tmp_path / "result.mp4", source, source.rate, source)
    times = list(open_video(tmp_path / "result.mp4").times())
    assert [round(1000 * (after - before)) for before, after in pairwise(times)] == [40, 10, 250, 10, 390]


def test_odd_sizes_grow_by_a_row_and_a_column_and_values_are_clipped(tmp_path: Path) -> None:
    frame = torch.full((3, 33, 47), 0.5)
    frame[:, -1], frame[:, 0] = 1.7, -0.6
    write_video(tmp_path / "odd.mp4", [frame] * 3, Fraction(10))
    read = next(iter(open_video(tmp_path / "odd.mp4")))
    assert read.shape == (3, 34, 48)
    assert read[:, 32:].min() > 0.97 and read[:, 0].max() < 0.03 and (read[:, 10:20] - 0.5).abs().max() < 0.01


@pytest.mark.parametrize(
    ("codec", "line"),
    [
        ("wavpack", r"cannot hold the sound of .*wavpack.*give a name in \.mkv"),  # refused at the head of the file
        ("pcm_s16be", r"result\.mp4: cannot be written .*give a name in \.mkv"),  # and at its end
    ],
)
def test_sound_that_the_file_cannot_hold_is_one_line_and_leaves_nothing(tmp_path: Path, codec: str, line: str) -> None:
    encode(tmp_path / "silent.mkv", moving_gradient(3))
    add_sound(tmp_path / "source.mkv", tmp_path / "silent.mkv", codec)
    source = open_video(tmp_path / "source.mkv")
    with pytest.raises(UserError, match=line):
        write_video(tmp_path / "result.mp4", source, source.rate, source)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["silent.mkv", "source.mkv"]


def test_an_error_on_the_way_leaves_no_file(tmp_path: Path) -> None:
    def frames():
        yield from moving_gradient(3)
        raise UserError("a broken frame")

    with pytest.raises(UserError, match="a broken frame"):
        write_video(tmp_path / "new" / "result.mp4", frames(), Fraction(25))
    assert not (tmp_path / "new").exists()


def test_no_frames_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no frames"):
        write_video(tmp_path / "result.mp4", [], Fraction(25))


@pytest.mark.parametrize(
    ("name", "content", "line"),
    [
        ("text.mp4", b"a text, not a video\n" * 20, "not a video that can be read"),
        ("text.txt", b"a text, not a video\n" * 20, "text.txt: not a video"),
        ("empty.mp4", b"", "not a video that can be read"),
        ("list.m3u8", b"#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1:1/x.ts\n", "not a video that can be read"),
        ("missing.mp4", None, "no such file"),
    ],
)
def test_what_is_no_video_is_one_line(tmp_path: Path, name: str, content: bytes | None, line: str) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match=line) as caught:
        open_video(tmp_path / name)
    assert "\n" not in str(caught.value) and name in str(caught.value)


def test_a_video_cut_short_is_one_line(tmp_path: Path) -> None:
    encode(tmp_path / "whole.mp4", moving_gradient(5))
    (tmp_path / "short.mp4").write_bytes((tmp_path / "whole.mp4").read_bytes()[:-900])
    with pytest.raises(UserError, match=r"short\.mp4: not a video that can be read"):
        open_video(tmp_path / "short.mp4")


def test_sound_alone_is_one_line(tmp_path: Path) -> None:
    with av.open(str(tmp_path / "song.mkv"), "w") as output:
        stream = output.add_stream("pcm_s16le", rate=48_000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 2048), np.int16), format="s16", layout="stereo")
        frame.sample_rate = 48_000
        output.mux([*stream.encode(frame), *stream.encode()])
    with pytest.raises(UserError, match="holds no pictures, only sound"):
        open_video(tmp_path / "song.mkv")


def test_other_suffixes_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"result\.webm: videos are written as \.mp4, \.mov, \.mkv"):
        write_video(tmp_path / "result.webm", moving_gradient(2), Fraction(25))
