"""`limner recolor`: photos, clips and scenes in the colors of references, a run's training areas or a look-up table."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from limner.colors.classic import FITS
from limner.colors.summary import ALL as ALL_AREAS
from limner.foundation.errors import UserError
from limner.foundation.files.photo_paths import list_photos, names_a_file, refuse_shared_names
from limner.foundation.files.records import Account, Made, make_once
from limner.foundation.files.suffixes import PICTURES, TIFFS, VIDEOS, ends_with
from limner.foundation.files.writing import as_paths
from limner.foundation.machine.device import choose_device
from limner.foundation.machine.workers.options import ALONE, WorkerOptions
from limner.foundation.machine.workers.spreading import results_of
from limner.foundation.nearest import did_you_mean
from limner.foundation.progress import say
from limner.learning.runs.opening import is_run
from limner.photos.photos import read_photo
from limner.recolor.methods.methods import METHODS
from limner.recolor.recoloring.clip_files import begin_clips, clip_results
from limner.recolor.recoloring.looks.cube import read_cube
from limner.recolor.recoloring.looks.looks import ONE_PHOTO, make_look
from limner.recolor.recoloring.options import ALL_METHODS, MATCHING_ONLY, PLAIN, RecolorOptions, split_weight
from limner.recolor.recoloring.photo_files import Extras, recolor_photos
from limner.recolor.recoloring.transfer import DEFAULT_METHOD, PREVIEW_PX, PhotoJob, read_references
from limner.scenes.rasters import open_raster

PHOTOS, CLIPS, SCENES, LOOKS = "photos", "clips", "scenes", "look-up tables"
"""What the verb makes."""
LOOK = ".cube"
SCENE_METHOD = "mkl"


def recolor_files(
    pictures: Path | str | Sequence[Path | str],
    like: Path | str | Sequence[Path | str],
    out: Path | str = "recolored",
    options: RecolorOptions = PLAIN,
    *,
    explain: bool = False,
    page: bool = False,
    keep: bool = False,
    preview: bool = False,
    key: Path | str | None = None,
    clip: bool = False,
    frame_by_frame: bool = False,
    to: str = ALL_AREAS,
    bands: Any = None,
    device: str = "auto",
    download: bool = False,
    overwrite: bool = False,
    workers: WorkerOptions = ALONE,
) -> list[Made]:
    """Recolor files into files; what the same command made before is not made again.

    pictures: photos, folders of photos, video files, or georeferenced scenes. like: reference photos or folders of
    them, with ``=2`` after one that shall count twice as much as those without; a ``.cube`` look-up table; for scenes a
    run (its folder, ``last``, a bundled model's name) or another scene.
    out: a folder, or for one picture the file itself; a name that ends in .cube writes the transfer as a look-up table
    instead. explain: write what was matched with what beside each photo. page: write a page to look at it. keep: with
    every method, write each one's picture. preview: small results of small pictures, soon. key: the photo
    of a series whose transfer becomes one look for all. clip: folders are frames of a clip.
    frame_by_frame: recolor a clip's frames each by itself. to, bands: of scenes, see
    `limner.recolor.recoloring.scenes.harmonize_scene`. workers: who works on many.

    Raises `UserError` for what cannot be read, written or selected, and `PartlyFailedError` where workers did the rest.
    """
    paths, out = as_paths(pictures), Path(out)
    like = [like] if isinstance(like, Path | str) else like
    if not like:
        raise UserError("no --like; give one or more photos, a scene, a run or a .cube file whose colors to take")
    for path in paths:
        if not path.exists():
            raise UserError(f"{path}: no such file or folder")
    kind = _kind_of(paths, like, out, clip)
    extras = Extras(explain, page, keep)
    for option, given, needed in (
        ("--explain", explain, PHOTOS),
        ("--page", page, PHOTOS),
        ("--keep", keep, PHOTOS),
        ("--preview", preview, PHOTOS),
        ("--key", key, PHOTOS),
        ("--clip", clip, CLIPS),
        ("--frame-by-frame", frame_by_frame, CLIPS),
        ("--to", to != ALL_AREAS, SCENES),
        ("--bands", bands, SCENES),
    ):
        if given and kind != needed:
            raise UserError(f"{option} is for {needed}; for {kind} it means nothing: leave it out")
    if kind == SCENES:
        return _scenes(paths, like, out, options, to=to, bands=bands, overwrite=overwrite, workers=workers)
    make_job = partial(_job, like, options, device, download, preview, None if key is None else Path(key))
    job = make_job()
    _check_extras(job, extras)
    if explain and job.method != DEFAULT_METHOD:
        raise UserError(f"--explain shows what superpixel looks at; {job.method} looks at no regions: leave it out")
    if kind == CLIPS:
        _check_clips(paths, out, clip)
        making = make_job if workers.spread else lambda: job
        return _clips(partial(begin_clips, making, frame_by_frame, overwrite), paths, out, workers, device)
    if kind == LOOKS:
        if workers.spread:
            raise UserError(f"--workers is for many files, and --out {out} is one look-up table; leave it out")
        return [_look(job, list_photos(paths), out, overwrite)]
    return recolor_photos(
        job, paths, out, extras, overwrite=overwrite, workers=workers, make_job=make_job, device=device
    )


def _kind_of(paths: Sequence[Path], like: Sequence[Path | str], out: Path, clip: bool) -> str:
    """What is asked for, by what was given."""
    if is_run(like[0]) or all(map(_is_scene, [*paths, *(Path(split_weight(str(word))[0]) for word in like)])):
        return SCENES
    if clip or any(ends_with(path, VIDEOS) for path in paths):
        return CLIPS
    return LOOKS if out.suffix.lower() == LOOK else PHOTOS


def _check_clips(paths: Sequence[Path], out: Path, clip: bool) -> None:
    if out.suffix.lower() == LOOK:
        raise UserError(f"--out {out} is made from photos; give frames of the clip instead of {paths[0]}")
    for path in paths:
        if path.is_file() and ends_with(path, PICTURES):
            raise UserError(f"{path}: a photo among clips; recolor photos and clips by commands of their own")
        if path.is_dir() and not clip:
            raise UserError(f"{path}: a folder among clips; add --clip if it holds the frames of one")


def _check_extras(job: PhotoJob, extras: Extras) -> None:
    """Raise `UserError` for what cannot be made of this."""
    every = job.options.method == ALL_METHODS
    if extras.keep and not every:
        raise UserError("--keep saves the picture of every method; add --method all, or leave it out")
    if every and (extras.page or job.key is not None):
        raise UserError(f"--{'page' if extras.page else 'key'} is for one method, --method all are many; name one")
    if job.preview and (extras.explain or job.options.match):
        raise UserError("--preview is of small pictures; leave out --explain and --match, or --preview")
    if job.key is not None and extras.explain:
        raise UserError("--key makes one look for all, which looks at no regions: leave --explain out")
    if job.key is not None and job.look is not None:
        raise UserError(f"{job.look_file} is one look for all already: leave --key out")


def _job(
    like: Sequence[Path | str], options: RecolorOptions, device: str, download: bool, preview: bool, key: Path | None
) -> PhotoJob:
    place = choose_device(device)
    if key is not None and not key.is_file():
        raise UserError(f"--key {key}: no such photo; give one of the series")
    looks = [Path(one) for one in like if Path(one).suffix.lower() == LOOK]
    if looks:
        if len(like) > 1:
            raise UserError(f"--like names {looks[0]} and others; a look-up table stands alone")
        for name in ("method", "like_mask", *MATCHING_ONLY, "superpixels", "smoothness", "model"):
            if getattr(options, name) is not None:
                raise UserError(f"{looks[0]} is a look of its own, to which --{name.replace('_', '-')} means nothing")
        return PhotoJob((), options, read_cube(looks[0]), looks[0], place, key=key, preview=preview)
    _check_method(options.method)
    if options.method == ALL_METHODS:
        for name in (*MATCHING_ONLY, "superpixels", "smoothness", "model"):
            if getattr(options, name) is not None:
                raise UserError(f"--{name} is for one method, --method all shows each by default; leave one out")
    else:
        options.of_method(options.method or DEFAULT_METHOD)  # refused before anything is read
    paths, weights = _weighed(like)
    references = read_references(paths, options.like_mask or (), PREVIEW_PX if preview else None)
    return PhotoJob(references, options, device=place, download=download, weights=weights, key=key, preview=preview)


def _weighed(like: Sequence[Path | str]) -> tuple[list[Path], list[float]]:
    """The reference photos, and a weight for each; none where all are alike."""
    words = [split_weight(str(word)) for word in like]
    paths = list_photos([Path(place) for place, _ in words])
    if all(weight is None for _, weight in words):
        return paths, []
    weights: dict[Path, float] = {}
    for place, weight in words:
        for photo in list_photos([Path(place)]):
            weights.setdefault(photo.resolve(), 1.0 if weight is None else weight)
    return paths, [weights[path.resolve()] for path in paths]


def _check_method(method: str | None) -> None:
    """Raise `UserError` for a word that is no method."""
    if method in (None, ALL_METHODS, *METHODS):
        return
    raise UserError(f"no method is called '{method}'; {did_you_mean(str(method), [*METHODS, ALL_METHODS])}")


def _look(job: PhotoJob, photos: Sequence[Path], out: Path, overwrite: bool) -> Made:
    """The transfer as a look-up table."""
    if not job.references:
        raise UserError(f"--out {out} and --like {job.look_file} are both look-up tables; give photos after --like")
    if job.options.method == ALL_METHODS:
        raise UserError(f"--out {out} is one look, --method all are many; name one method")
    if job.options.mask is not None:
        raise UserError("--mask is a place in a photo, and a look-up table knows no places; leave it out")

    def sample(temporary: Path) -> Account:
        before, after, maps = [], [], []
        for path in photos:
            photo = read_photo(path)
            done = job.run(photo, None)
            shown = slice(None) if photo.seen is None else photo.seen
            before.append(photo.to_srgb(photo.picture)[:, shown])
            after.append(photo.to_srgb(done.picture).cpu()[:, shown])
            maps.append(done.color_map)
        plain = len(photos) == 1 and job.options.strength == 1 and not job.options.keep_luminance and job.method in FITS
        color_map = maps[0] if plain and photo.profile is None else None
        look = make_look(temporary, job.method, before, after, color_map, title=out.stem)
        numbers = {"method": look.by, "of": look.method, "error": look.error, "error_95": look.error_95}
        return Account(numbers, notes=(look.line(), *([ONE_PHOTO] if len(photos) == 1 else [])))

    made = make_once(out, {"pictures": [job.request(path) for path in photos]}, sample, overwrite=overwrite)
    for line in (made.line(),) if made.skipped else [f"{out.name}: {note}" for note in made.notes]:
        say(line)
    return made


def _clips(
    begin: Callable[[], Callable[[tuple[Path, Path]], Made]], paths: Sequence[Path], out: Path, workers: WorkerOptions,
    device: str,
) -> list[Made]:  # fmt: skip
    items = list(zip(paths, clip_results(paths, out), strict=True))
    sources = {result: path for path, result in items}

    def tell(made: Made) -> None:
        for note in made.notes:
            say(f"limner: {sources[made.path]}: {note}")
        say(made.line())

    return results_of(
        begin, items, workers, title="recolor", unit="clips", names=[str(path) for path in paths], device=device,
        tell=tell,
    )  # fmt: skip


def _scenes(
    paths: Sequence[Path],
    like: Sequence[Path | str],
    out: Path,
    options: RecolorOptions,
    *,
    to: str,
    bands: Any,
    overwrite: bool,
    workers: WorkerOptions,
) -> list[Made]:
    """Scenes of any size in the colors of a run's training areas or of another scene, by a global map."""
    if len(like) > 1:
        raise UserError(f"--like names {len(like)} references; a scene is harmonized to one run or scene")
    method = options.method or SCENE_METHOD
    given = [name for name, value in vars(options).items() if name != "method" and value != getattr(PLAIN, name)]
    if given:
        raise UserError(f"--{given[0].replace('_', '-')} is for photos; a scene is harmonized as a whole")
    if names_a_file(out, TIFFS, "scenes"):
        if len(paths) > 1:
            raise UserError(f"--out {out} is one file for {len(paths)} scenes; give a folder")
        results = [out]
    else:
        results = [out / f"{path.stem}.tif" for path in paths]
    refuse_shared_names([*paths, *map(Path, like)], results)

    def tell(made: Made) -> None:
        say(made.line() + ("" if made.skipped else f", in the colors of {made.numbers['matched']}"))

    return results_of(
        partial(begin_scenes, like[0], method, to, bands, overwrite), list(zip(paths, results, strict=True)), workers,
        title="recolor", unit="scenes", names=[str(path) for path in paths], device="cpu", tell=tell,
    )  # fmt: skip


def begin_scenes(
    like: Path | str, method: str, to: str, bands: Any, overwrite: bool
) -> Callable[[tuple[Path, Path]], Made]:
    """What recolors one scene: its path, and the result's."""
    from limner.recolor.recoloring.scenes import (
        harmonize_scene,  # it loads the networks of its room, which takes seconds
    )

    def work(item: tuple[Path, Path]) -> Made:
        path, result = item
        done = harmonize_scene(path, like, result, method=method, to=to, bands=bands, overwrite=overwrite)
        numbers = {"method": method, "matched": done.matched, "seconds": round(done.seconds, 3)}
        return Made(result, numbers, done.skipped)

    return work


def _is_scene(path: Path) -> bool:
    """Whether a file is a raster that knows its place on the ground, or has bands that no photo has."""
    if not ends_with(path, (*TIFFS, ".vrt", ".jp2")) or not path.is_file():
        return False
    with open_raster(path) as raster:
        return raster.georeferenced or raster.bands not in (1, 3)
