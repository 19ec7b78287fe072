"""Clips recolored from files to files."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from torch import Tensor

from limner.foundation.errors import UserError
from limner.foundation.files.photo_paths import names_a_file, refuse_shared_names
from limner.foundation.files.records import Account, Made, make_once
from limner.foundation.files.suffixes import WRITTEN_VIDEOS, ends_with
from limner.foundation.progress import Progress
from limner.foundation.stopwatch import Stopwatch
from limner.recolor.clips.temporal import transfer_clip
from limner.recolor.recoloring.options import ALL_METHODS
from limner.recolor.recoloring.transfer import PhotoJob
from limner.video.clips import Clip, losses, open_clip, write_clip


def clip_results(clips: Sequence[Path], out: Path) -> list[Path]:
    """Where the result of each clip goes: a video as .mp4, .mov or .mkv, a folder of frames as a folder.

    Raises `UserError` where two would have one name, and for a result that is an input.
    """
    if names_a_file(out, WRITTEN_VIDEOS, "clips"):
        if len(clips) > 1:
            raise UserError(f"--out {out} is one file for {len(clips)} clips; give a folder")
        results = [out]
    else:
        results = [out / _name(clip) for clip in clips]
    refuse_shared_names(clips, results)
    return results


def _name(clip: Path) -> str:
    keeps = clip.is_dir() or ends_with(clip, WRITTEN_VIDEOS)
    return clip.resolve().name if keeps else f"{clip.stem}.mp4"


def begin_clips(
    make_job: Callable[[], PhotoJob], frame_by_frame: bool, overwrite: bool
) -> Callable[[tuple[Path, Path]], Made]:
    """What recolors one clip: its path, and the result's."""
    job = make_job()
    return lambda item: recolor_clip_file(job, *item, frame_by_frame=frame_by_frame, overwrite=overwrite)


def recolor_clip_file(
    job: PhotoJob, path: Path, out: Path, *, frame_by_frame: bool = False, overwrite: bool = False
) -> Made:
    """Recolor a video file or a folder of frames into another, without flicker, with its record beside it.

    Raises `UserError` for options that a clip cannot grant, where ``out`` is something else already, and as reading and
    the method do.
    """
    if job.look is None and job.options.method == ALL_METHODS:
        raise UserError("--method all makes a sheet of one photo; name one method for a clip")
    for name in ("mask", "match"):
        if getattr(job.options, name):
            raise UserError(f"--{name} is a place in a photo; in a clip places move: leave it out")
    request = job.request(path, frame_by_frame=frame_by_frame)

    def make(temporary: Path) -> Account:
        source = open_clip(path)
        watch = Stopwatch(job.device)
        with watch.stage("clip"):
            as_folder = not ends_with(out, WRITTEN_VIDEOS)
            write_clip(temporary, _counted(_frames(job, source, frame_by_frame), source), source, as_folder=as_folder)
        numbers = {"method": job.method, "seconds": round(sum(watch.seconds.values()), 3)}
        return Account(numbers, notes=(*source.notes, *job.notes, *losses(source, out)))

    return make_once(out, request, make, overwrite=overwrite)


def _frames(job: PhotoJob, source: Clip, frame_by_frame: bool) -> Iterable[Tensor]:
    if job.look is not None:
        return _looked_up(job, source)
    references = [one.photo.to_srgb(one.photo.filled).to(job.device) for one in job.references]
    chosen = job.of_method(job.method)
    return transfer_clip(
        source, references, chosen, job.mix,
        reference_masks=job.masks, reference_weights=job.weights, temporal=not frame_by_frame,
    )  # fmt: skip


def _looked_up(job: PhotoJob, source: Clip) -> Iterator[Tensor]:
    assert job.look is not None  # asked by the only caller
    for frame in source:
        target = frame.to(job.device)
        picture = job.look(target.flatten(1)).view_as(target)
        yield job.mix.of(target, picture)


def _counted(frames: Iterable[Tensor], source: Clip) -> Iterator[Tensor]:
    with Progress(f"recolor {source.path.name}", source.length or 0, "frames") as progress:
        for frame in frames:
            yield frame
            progress.advance()
