"""What a clip says of itself besides its colors: matrix, fields, alpha, times. Kept, or told."""

from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from PIL import Image

from drawn_photos import EVENING, draw_photo
from drawn_videos import encode, moving_gradient
from limner.video.clips import losses, open_clip, write_clip
from limner.video.frame_folders import write_folder
from limner.video.video_files import open_video
from limner.video.video_writing import write_video

Limner = Callable[..., tuple[int, str, str]]
RED, BLUE = (200, 40, 40), (40, 40, 200)


def write(
    path: Path,
    frames: Sequence[np.ndarray],
    codec: str = "libx264",
    pixels: str = "yuv420p",
    options: dict[str, str] | None = None,
    *,
    matrix: int = 1,
    named: bool = True,
    ticks: Sequence[int] | None = None,
    last: int = 40,
) -> Path:
    """A video by PyAV alone. frames: (H, W, 3 or 4) uint8. ticks: milliseconds. last: how long the last is shown."""
    with av.open(str(path), "w") as output:
        stream = output.add_stream(codec, rate=25, options=options or {"crf": "1"})
        stream.height, stream.width, stream.pix_fmt = *frames[0].shape[:2], pixels
        tick = Fraction(1, 1000 if ticks else 25)
        stream.codec_context.time_base = tick
        if named:
            stream.codec_context.colorspace = matrix
        for number, values in enumerate(frames):
            form = "rgba" if values.shape[2] == 4 else "rgb24"
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(values), format=form)
            if form == "rgb24" or "yuv" in pixels:
                frame = frame.reformat(format=pixels, dst_colorspace=matrix, dst_color_range=1)
            else:
                frame = frame.reformat(format=pixels)
            if not named:
                frame.colorspace = 2
            frame.pts, frame.time_base = (ticks[number] if ticks else number), tick
            for packet in stream.encode(frame):
                output.mux(packet)
        for packet in stream.encode():
            packet.duration = round(Fraction(last, 1000) / packet.time_base)
            output.mux(packet)
    return path


def flat(color: tuple[int, ...], height: int, width: int) -> np.ndarray:
    return np.broadcast_to(np.array(color, np.uint8), (height, width, len(color))).copy()


def decoded(path: Path) -> list[av.VideoFrame]:
    with av.open(str(path)) as container:
        return list(container.decode(video=0))


# The matrix of colors


@pytest.mark.parametrize(
    ("width", "height", "matrix"),
    [(1280, 32, 1), (1920, 80, 1), (64, 578, 1), (720, 576, 5), (1278, 576, 5), (640, 480, 5)],
)
def test_a_matrix_that_is_not_named_goes_by_the_size_and_is_told(
    tmp_path: Path, width: int, height: int, matrix: int
) -> None:
    path = write(tmp_path / "a.mkv", [flat((30, 200, 60), height, width)], matrix=matrix, named=False)
    video = open_video(path)
    assert (next(iter(video))[:, 5, 5] * 255 - torch.tensor([30.0, 200, 60])).abs().max() < 3
    name = "BT.709" if matrix == 1 else "BT.601"
    assert video.notes == (f"the video names no color matrix: taken as {name}, as most players do at its size",)


def test_a_matrix_that_is_named_counts_and_needs_no_word(tmp_path: Path) -> None:
    for number, (size, matrix) in enumerate((((1280, 32), 5), ((64, 48), 1))):
        path = write(tmp_path / f"{number}.mkv", [flat((30, 200, 60), *size[::-1])], matrix=matrix)
        assert (next(iter(open_video(path)))[:, 5, 5] * 255 - torch.tensor([30.0, 200, 60])).abs().max() < 3
        assert open_video(path).notes == ()


# Interlaced


def woven(height: int = 48, width: int = 64) -> list[np.ndarray]:
    """Frames whose fields are of two colors."""
    frame = flat(RED, height, width)
    frame[1::2] = BLUE
    return [frame] * 6


@pytest.mark.parametrize(("first", "order"), [("tff", 2), ("bff", 3)])
@pytest.mark.parametrize("height", [48, 50])
def test_fields_and_their_colors_are_kept(tmp_path: Path, first: str, order: int, height: int) -> None:
    path = tmp_path / "a.mkv"
    options = {"crf": "1", "flags": "+ildct+ilme", "x264-params": f"{first}=1"}
    if height == 48:
        write(path, woven(48), pixels="yuv444p", options=options)
    else:  # four does not divide the height: H.264 cannot hold it, MPEG-2 can
        write(path, woven(50), "mpeg2video", options={"flags": "+ildct+ilme", "qmin": "1", "qmax": "1"})
    source = open_video(path)
    assert source.fields in ("tff", "bff") and (height == 50 or source.fields == first)
    write_clip(tmp_path / "b.mp4", source, source)
    made = decoded(tmp_path / "b.mp4")
    assert len(made) == 6 and all(frame.interlaced_frame for frame in made)
    assert made[0].height == (48 if height == 48 else 52)
    with av.open(str(tmp_path / "b.mp4")) as container:
        assert height == 50 or container.streams.video[0].codec_context.field_order == order
    again = next(iter(open_video(tmp_path / "b.mp4"))) * 255
    before = next(iter(source)) * 255
    assert (again[:, :height] - before).abs().max() < 10  # fields whose chroma is mixed differ by 60 and more
    if height == 48:  # the fields' chroma is not mixed
        assert (before[:, 20, 30] - torch.tensor(RED)).abs().max() < 5
        assert (before[:, 21, 30] - torch.tensor(BLUE)).abs().max() < 5
    assert losses(source, Path("b.mp4")) == ()
    assert "a folder of frames cannot hold fields" in losses(source, Path("frames"))[0]


def test_turned_fields_are_no_fields_and_that_is_told(tmp_path: Path) -> None:
    options = {"crf": "1", "flags": "+ildct+ilme", "x264-params": "tff=1"}
    path = write(tmp_path / "a.mp4", woven(), options=options)
    data = bytearray(path.read_bytes())
    matrix = data.find(b"tkhd") + 44
    data[matrix : matrix + 36] = np.array([0, 65536, 0, -65536, 0, 0, 0, 0, 1 << 30], ">i4").tobytes()
    path.write_bytes(data)
    source = open_video(path)
    assert (source.height, source.width) == (64, 48)
    write_clip(tmp_path / "b.mp4", source, source)
    assert not any(frame.interlaced_frame for frame in decoded(tmp_path / "b.mp4"))
    assert losses(source, Path("b.mp4")) == (
        ".mp4 cannot hold fields of interlaced frames that are turned: it is flagged progressive",
    )


# Alpha


def cut_out(hidden: tuple[int, int, int]) -> list[np.ndarray]:
    frame = flat((*hidden, 0), 48, 64)
    frame[12:36, 16:48] = (*RED, 255)
    frame[12:36, 40:48, 3] = 128
    return [frame] * 4


KINDS = {
    "a.mov": ("qtrle", "argb", {}),
    "a.avi": ("ffv1", "bgra", {}),
    "a.webm": ("libvpx-vp9", "yuva420p", {"crf": "2", "b": "0"}),
}


@pytest.mark.parametrize("name", KINDS)
def test_what_is_transparent_is_laid_on_black_and_told(tmp_path: Path, name: str) -> None:
    codec, pixels, options = KINDS[name]
    source = open_video(write(tmp_path / name, cut_out((0, 255, 0)), codec, pixels, options))
    assert source.has_alpha
    write_clip(tmp_path / "b.mp4", source, source)
    made = next(iter(open_video(tmp_path / "b.mp4"))) * 255
    assert made[:, 3, 3].max() < 4
    assert (made[:, 24, 24] - torch.tensor(RED)).abs().max() < 6
    assert (made[:, 24, 44] - torch.tensor(RED) * 128 / 255).abs().max() < 6
    assert losses(source, Path("b.mp4")) == (
        ".mp4 cannot hold alpha: what is transparent is laid on black; a folder of frames keeps it",
    )


@pytest.mark.parametrize("name", ["a.mov", "a.webm"])
def test_a_folder_of_frames_keeps_the_alpha_of_a_video(tmp_path: Path, name: str) -> None:
    codec, pixels, options = KINDS[name]
    source = open_clip(write(tmp_path / name, cut_out((0, 255, 0)), codec, pixels, options))
    write_clip(tmp_path / "frames", source, source)
    values = np.asarray(Image.open(tmp_path / "frames/frame_000004.png"))
    assert values.shape == (48, 64, 4)
    assert (values[3, 3, 3], values[24, 24, 3]) == (0, 255) and abs(int(values[24, 44, 3]) - 128) < 3
    assert np.abs(values[24, 24, :3].astype(int) - RED).max() < 6


def test_frames_with_alpha_written_as_a_video_are_laid_on_black(tmp_path: Path) -> None:
    (tmp_path / "frames").mkdir()
    for number, values in enumerate(cut_out((255, 255, 255))):
        Image.fromarray(values).save(tmp_path / f"frames/{number}.png")
    source = open_clip(tmp_path / "frames")
    write_clip(tmp_path / "b.mov", source, source)
    assert next(iter(open_video(tmp_path / "b.mov")))[:, 3, 3].max() < 0.02
    told = losses(source, Path("b.mov"))
    assert told[0].startswith(".mov cannot hold alpha") and "25 are shown a second" in told[1] and len(told) == 2


def test_hidden_colors_of_a_video_touch_no_visible_one(here: Path, limner: Limner) -> None:
    draw_photo(here / "b.png", EVENING)
    results = []
    for name, hidden in (("green", (0, 255, 0)), ("white", (255, 255, 255))):
        write(here / f"{name}.mov", cut_out(hidden), "qtrle", "argb", {})
        code, _, error = limner("recolor", f"{name}.mov", "--like", "b.png", "--method", "sct", "--out", f"{name}.mp4")
        assert code == 0 and "cannot hold alpha: what is transparent is laid on black" in error
        results.append([frame.to_ndarray() for frame in decoded(here / f"{name}.mp4")])
    assert len(results[0]) == 4 and all(map(np.array_equal, *results))


# Times


@pytest.mark.parametrize("suffix", [".mp4", ".mov"])
def test_the_last_frame_is_shown_as_long_as_it_was(tmp_path: Path, suffix: str) -> None:
    frames = [np.ascontiguousarray((one * 255).byte().permute(1, 2, 0)) for one in moving_gradient(4)]
    write(tmp_path / f"a{suffix}", frames, ticks=[0, 40, 120, 200], last=1500)
    source = open_video(tmp_path / f"a{suffix}")
    assert [round(1000 * shown.length) for shown in source.shown() if shown.length] == [40, 80, 80, 1500]
    write_clip(tmp_path / "b.mp4", source, source)
    made = list(open_video(tmp_path / "b.mp4").shown())
    assert [round(1000 * shown.length) for shown in made if shown.length] == [40, 80, 80, 1500]
    with av.open(str(tmp_path / "b.mp4")) as container:
        assert container.duration == pytest.approx(1_700_000, abs=1000)


@pytest.mark.parametrize("rate", [Fraction(24000, 1001), Fraction(30), Fraction(1)])
def test_an_even_rate_stays_even_to_the_last_frame(tmp_path: Path, rate: Fraction) -> None:
    write_video(tmp_path / "a.mp4", moving_gradient(5), rate)
    source = open_video(tmp_path / "a.mp4")
    write_clip(tmp_path / "b.mp4", source, source)
    made = list(open_video(tmp_path / "b.mp4").shown())
    assert [shown.at for shown in made] == [number / rate for number in range(5)]
    assert all(shown.length == 1 / rate for shown in made)
    assert losses(source, Path("b.mp4")) == ()


def test_times_that_a_file_or_a_folder_cannot_say_are_told(tmp_path: Path) -> None:
    with av.open(str(tmp_path / "a.h264"), "w", format="h264") as output:
        stream = output.add_stream("libx264", rate=25)
        stream.height, stream.width = 48, 64
        for picture in moving_gradient(4):
            values = np.ascontiguousarray((picture * 255).byte().permute(1, 2, 0))
            output.mux(stream.encode(av.VideoFrame.from_ndarray(values, format="rgb24")))
        output.mux(stream.encode())
    raw = open_video(tmp_path / "a.h264")
    told = "times of frames that its file does not say: 25 are shown a second"
    assert any(told in one for one in losses(raw, Path("b.mp4")))
    write(tmp_path / "b.mp4", [flat(RED, 48, 64)] * 3, ticks=[0, 40, 500])
    assert any(
        "shown for different lengths are numbered alone" in one
        for one in losses(open_video(tmp_path / "b.mp4"), Path("c"))
    )


# The rest


def test_more_than_8_bits_are_told_and_a_folder_keeps_them(tmp_path: Path) -> None:
    ramp = torch.linspace(0.4, 0.42, 256).expand(3, 32, 256)
    encode(tmp_path / "deep.mp4", [ramp] * 3, pixels="yuv420p10le")
    source = open_clip(tmp_path / "deep.mp4")
    assert losses(source, Path("b.mp4")) == (
        ".mp4 cannot hold more than 8 bits: 8 are written; a folder of frames keeps 16",
    )
    write_clip(tmp_path / "frames", source, source)
    again = next(iter(open_clip(tmp_path / "frames")))
    assert len(again[1].unique()) > 10 and (again - next(iter(source))).abs().max() < 1e-4


def test_title_and_place_of_a_clip_are_kept(tmp_path: Path) -> None:
    encode(tmp_path / "plain.mp4", moving_gradient(3))
    with av.open(str(tmp_path / "plain.mp4")) as plain, av.open(str(tmp_path / "a.mp4"), "w") as output:
        output.metadata.update({"title": "Harbor", "comment": "at dawn"})
        stream = output.add_stream_from_template(plain.streams.video[0])
        for packet in plain.demux(video=0):
            if packet.size:
                packet.stream = stream
                output.mux(packet)
    source = open_video(tmp_path / "a.mp4")
    write_clip(tmp_path / "b.mp4", source, source)
    with av.open(str(tmp_path / "b.mp4")) as made:
        assert (made.metadata["title"], made.metadata["comment"]) == ("Harbor", "at dawn")


def test_the_verb_tells_what_a_clip_loses(here: Path, limner: Limner) -> None:
    write_folder(here / "frames", moving_gradient(3))
    draw_photo(here / "b.png", EVENING)
    code, _, error = limner("recolor", "frames", "--clip", "--like", "b.png", "--method", "mkl", "--out", "c.mp4")
    assert code == 0
    assert (
        "limner: frames: .mp4 cannot hold the times of frames in a folder, which says none: 25 are shown a second"
        in error
    )
