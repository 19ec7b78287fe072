"""`limner recolor`: photos, clips and scenes in the colors of references, a run's training areas or a look-up table."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from limner.errors import UserError
from limner.files import make_folder, replacing, write_json
from limner.pictures import write_picture
from limner.progress import Progress, say
from limner.recolor.classic import FITS
from limner.recolor.clips import Clip, open_clip, write_clip
from limner.recolor.cube import read_cube
from limner.recolor.encoding import SUFFIXES
from limner.recolor.looks import make_look
from limner.recolor.methods import METHODS
from limner.recolor.photo_paths import list_photos, output_paths
from limner.recolor.photos import read_photo
from limner.recolor.profiles import to_profile
from limner.recolor.sheet import Transfers, method_sheet, trade_off_plot
from limner.recolor.temporal import recolor_clip
from limner.recolor.transfer import DEFAULT_METHOD, Made, PhotoJob, every_method, read_references, recolor_photo
from limner.recolor.wishes import ALL_METHODS, PLAIN, Wishes
from limner.run import bundled_models
from limner.segment.predictor import choose_device
from limner.segment.rasters import open_raster
from limner.segment.recolored_scene import harmonize_scene

LOOK = ".cube"
VIDEO_SUFFIXES = (".mp4", ".mov", ".mkv", ".webm", ".avi", ".m4v", ".mpg", ".mpeg", ".wmv")
GEOTIFF = (".tif", ".tiff")
SCENE_METHOD = "mkl"


def recolor_files(
    pictures: Sequence[Path | str],
    like: Sequence[Path | str],
    out: Path | str = "recolored",
    wishes: Wishes = PLAIN,
    *,
    explain: bool = False,
    clip: bool = False,
    frame_by_frame: bool = False,
    to: str = "all",
    bands: Any = None,
    device: str = "auto",
    download: bool = False,
    overwrite: bool = False,
) -> list[Made]:
    """Recolor files into files; what the same command made before is not made again.

    pictures: photos, folders of photos, video files, or georeferenced scenes. like: reference photos or folders of them; a
    ``.cube`` look-up table; for scenes a run (its folder, ``last``, a bundled model's name) or another scene. out: a folder, or for
    one picture the file itself; a name that ends in .cube writes the transfer as a look-up table instead. explain: write what
    was matched with what beside each photo. clip: folders are frames of a clip. frame_by_frame: recolor a clip's frames
    each by itself. to, bands: of scenes, see `limner.segment.recolored_scene.harmonize_scene`.

    Raises `UserError` for what cannot be read, written or wished.
    """
    paths, out = [Path(picture) for picture in pictures], Path(out)
    if not like:
        raise UserError("no --like; give one or more photos, a scene, a run or a .cube file whose colors to take")
    for path in paths:
        if not path.exists():
            raise UserError(f"{path}: no such file or folder")
    if _is_run(like[0]) or all(map(_is_scene, [*paths, *map(Path, like)])):
        return list(_scenes(paths, like, out, wishes, to=to, bands=bands, overwrite=overwrite))
    job = _job(like, wishes, device, download)
    if out.suffix.lower() == LOOK:
        return [_look(job, list_photos(paths), out, overwrite)]
    if clip or any(path.suffix.lower() in VIDEO_SUFFIXES for path in paths):
        return [_clip(job, path, target, frame_by_frame, overwrite) for path, target in _clip_paths(paths, out)]
    return list(_photos(job, list_photos(paths), like, out, overwrite=overwrite, explain=explain))


def _job(like: Sequence[Path | str], wishes: Wishes, device: str, download: bool) -> PhotoJob:
    place = choose_device(device)
    looks = [Path(one) for one in like if Path(one).suffix.lower() == LOOK]
    if looks:
        if len(like) > 1:
            raise UserError(f"--like names {looks[0]} and others; a look-up table stands alone")
        if wishes.method or wishes.match or wishes.like_mask:
            raise UserError(f"{looks[0]} is a look of its own: --method, --match and --like-mask have nothing to say")
        return PhotoJob((), wishes, read_cube(looks[0]), looks[0], place)
    if wishes.method not in (None, ALL_METHODS, *METHODS):
        raise UserError(f"--method is '{wishes.method}'; needed: one of {', '.join(METHODS)}, or {ALL_METHODS}")
    if wishes.method != ALL_METHODS:
        wishes.options(wishes.method or DEFAULT_METHOD)  # refused before anything is read
    references = read_references(list_photos([Path(one) for one in like]), wishes.like_mask)
    return PhotoJob(references, wishes, device=place, download=download)


def _photos(
    job: PhotoJob, photos: Sequence[Path], like: Sequence[Path | str], out: Path, *, overwrite: bool, explain: bool
) -> Iterator[Made]:
    if out.suffix.lower() in SUFFIXES:
        if len(photos) > 1:
            raise UserError(f"--out {out} is one file for {len(photos)} pictures; give a folder")
        results = [out]
    else:
        results = output_paths(photos, out, [Path(one) for one in like])
    told: set[str] = set()
    with Progress("recolor", len(photos), "pictures") as progress:
        for path, result in zip(photos, results, strict=True):
            if job.wishes.method == ALL_METHODS:
                made = _sheet(job, path, result, overwrite)
            else:
                made = recolor_photo(job, path, result, overwrite=overwrite, explain=explain)
            for note in made.notes:
                if note not in told:
                    told.add(note)
                    say(f"limner: {note}")
            say(made.line())
            progress.advance()
            yield made


def _sheet(job: PhotoJob, path: Path, result: Path, overwrite: bool) -> Made:
    """All methods on one labelled sheet, with their scores as JSON and the trade-off as a plot."""
    sheet, plot, record = (result.with_name(f"{result.stem}-{end}") for end in ("methods.jpg", "trade-off.png", "methods.json"))
    if sheet.exists() and not overwrite:
        raise UserError(f"{sheet}: is there already; choose another --out or add --overwrite")
    pictures, scores, photo = {}, {}, None
    for name, photo, done, score in every_method(job, path):
        pictures[name], scores[name] = to_profile(done.picture, photo.profile, None).cpu(), score
    assert photo is not None  # METHODS is not empty
    target, reference = (to_profile(one.picture, one.profile, None) for one in (photo, job.references[0].photo))
    write_picture(sheet, method_sheet(Transfers(target, reference, pictures, scores), title=path.name))
    trade_off_plot(plot, {name: [score] for name, score in scores.items()}, ours=["superpixel"], title=path.name)
    numbers = {name: score.to_json() for name, score in scores.items()}
    write_json(record, numbers)
    return Made(sheet, {"methods": numbers}, others=(plot, record), notes=photo.notes)


def _look(job: PhotoJob, photos: Sequence[Path], out: Path, overwrite: bool) -> Made:
    """The transfer as a look-up table."""
    if not job.references:
        raise UserError(f"--out {out} and --like {job.look_file} are both look-up tables; give photos after --like")
    if job.wishes.method == ALL_METHODS:
        raise UserError(f"--out {out} is one look, --method all are many; name one method")
    if out.exists() and not overwrite:
        raise UserError(f"{out}: is there already; choose another --out or add --overwrite")
    before, after, maps = [], [], []
    for path in photos:
        photo = read_photo(path)
        done = job.run(photo, None)
        before.append(to_profile(photo.picture, photo.profile, None))
        after.append(to_profile(done.picture, photo.profile, None).cpu())
        maps.append(done.color_map)
    plain = len(photos) == 1 and job.wishes.strength == 1 and not job.wishes.keep_luminance and job.method in FITS
    made = make_look(out, job.method, before, after, maps[0] if plain and photo.profile is None else None)
    say(made.line())
    return Made(out, {"method": made.by, "of": made.method, "error": made.error, "error_95": made.error_95})


def _clip_paths(paths: Sequence[Path], out: Path) -> Iterator[tuple[Path, Path]]:
    one_file = out.suffix != ""
    if one_file and len(paths) > 1:
        raise UserError(f"--out {out} is one file for {len(paths)} clips; give a folder")
    for path in paths:
        name = path.name if path.is_dir() or path.suffix.lower() in (".mp4", ".mov", ".mkv") else f"{path.stem}.mp4"
        yield path, out if one_file else out / name


def _clip(job: PhotoJob, path: Path, out: Path, frame_by_frame: bool, overwrite: bool) -> Made:
    """A clip recolored without flicker."""
    wishes = job.wishes
    if job.look is None and wishes.method == ALL_METHODS:
        raise UserError("--method all makes a sheet of one photo; name one method for a clip")
    for name in ("mask", "match"):
        if getattr(wishes, name):
            raise UserError(f"--{name} is a place in a photo; in a clip places move: leave it out")
    if out.exists() and not overwrite:
        raise UserError(f"{out}: is there already; choose another --out or add --overwrite")
    source = open_clip(path)
    if job.look is not None:
        look = job.look
        frames: Iterable[Any] = (look(frame.to(job.device).flatten(1)).view_as(frame) for frame in source)
    else:
        options = wishes.options(job.method)
        if any(one.mask is not None for one in job.references):
            options["reference_masks"] = [one.mask for one in job.references]
        references = [to_profile(one.photo.picture, one.photo.profile, None).to(job.device) for one in job.references]
        frames = recolor_clip(
            source, references, job.method, temporal=not frame_by_frame, strength=wishes.strength,
            keep_luminance=wishes.keep_luminance, **options,
        )  # fmt: skip
    if overwrite and out.is_dir():
        with replacing(out) as temporary:
            write_clip(temporary, _counted(frames, source), source)
    else:
        write_clip(out, _counted(frames, source), source)
    say(f"{out.name}: done")
    return Made(out, {"method": "look" if job.look is not None else job.method})


def _counted(frames: Iterable[Any], source: Clip) -> Iterator[Any]:
    with Progress(f"recolor {source.path.name}", source.length or 0, "frames") as progress:
        for frame in frames:
            yield frame
            progress.advance()


def _scenes(
    paths: Sequence[Path], like: Sequence[Path | str], out: Path, wishes: Wishes, *, to: str, bands: Any, overwrite: bool
) -> Iterator[Made]:
    """Scenes of any size in the colors of a run's training areas or of another scene, by a global map."""
    if len(like) > 1:
        raise UserError(f"--like names {len(like)} references; a scene is harmonized to one run or scene")
    method = wishes.method or SCENE_METHOD
    given = [name for name, value in vars(wishes).items() if name != "method" and value != getattr(PLAIN, name)]
    if given:
        raise UserError(f"--{given[0].replace('_', '-')} is for photos; a scene is harmonized by a global map as a whole")
    one_file = out.suffix.lower() in GEOTIFF
    if one_file and len(paths) > 1:
        raise UserError(f"--out {out} is one file for {len(paths)} scenes; give a folder")
    for path in paths:
        target = out if one_file else make_folder(out) / f"{path.stem}.tif"
        done = harmonize_scene(path, like[0], target, method=method, to=to, bands=bands, overwrite=overwrite)
        made = Made(target, {"method": method, "seconds": done.seconds}, done.skipped)
        say(made.line() + ("" if done.skipped else f", in the colors of {done.matched}"))
        yield made


def _is_run(like: Path | str) -> bool:
    path = Path(like)
    return (path / "model.json").exists() or (not path.exists() and str(like) in ("last", *bundled_models()))


def _is_scene(path: Path) -> bool:
    """Whether a file is a raster that knows its place on the ground, or has bands that no photo has."""
    if path.suffix.lower() not in (*GEOTIFF, ".vrt", ".jp2") or not path.is_file():
        return False
    with open_raster(path) as raster:
        return raster.georeferenced or raster.bands not in (1, 3)
