"""Photos recolored from files to files, with a record beside each that lets the same command find it done."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from limner.foundation.errors import UserError
from limner.foundation.files.photo_paths import list_photos, names_a_file, output_paths, refuse_shared_names
from limner.foundation.files.records import Account, Made, make_once, refuse_own_results
from limner.foundation.files.suffixes import PICTURES, VIDEOS, ends_with
from limner.foundation.files.writing import make_folder
from limner.foundation.machine.workers.options import ALONE, WorkerOptions
from limner.foundation.machine.workers.spreading import results_of
from limner.foundation.progress import say
from limner.photos.photos import Photo, write_photo
from limner.recolor.methods.recolored import Recolored
from limner.recolor.recoloring.masks import mask_for
from limner.recolor.recoloring.options import ALL_METHODS, PLAIN
from limner.recolor.recoloring.transfer import DEFAULT_METHOD, PhotoJob, every_method
from limner.recolor.scoring.sheet import Transfers, method_sheet, score_table, trade_off_plot
from limner.reporting.pictures import write_picture

PREVIEW_QUALITY = 90
OTHER_METHODS = (
    "dull or milky? On ten measured pairs --contrast 2 lost less contrast within regions (3.7% for 4.3%), and --method "
    "idt-regrain less still (3.2%), nearer to the colors (79% closed for 71%), with more blotches in smooth places and "
    "less structure; mkl is one tint for all; --method all shows each on one sheet"
)
"""What is said of the method that nobody chose, by the medians of docs/results/recolor.md."""


@dataclass(frozen=True)
class Extras:
    """What is made beside each photo. explain: what was matched with what. page: a page to look at it. keep: with every
    method, each one's picture."""

    explain: bool = False
    page: bool = False
    keep: bool = False


NONE = Extras()


def _asked_for(paths: Sequence[Path], inputs: Sequence[Path]) -> list[Path]:
    """The photos among files and folders. What lies in a folder and is the reference is not recolored by itself; that,
    and what else there is left out, is said."""
    folders, named = [path for path in paths if path.is_dir()], {path.resolve() for path in paths}
    used = {path.resolve() for path in inputs} - named
    photos = list_photos(paths)
    kept = [photo for photo in photos if photo.resolve() not in used] or photos
    left = [f"{photo.name}, which is used as it is" for photo in photos if photo not in kept]
    inside = [each for folder in folders for each in folder.iterdir() if not each.name.startswith(".")]
    for count, what in (
        (sum(ends_with(each, VIDEOS) for each in inside), "clip"),
        (sum(each.is_dir() for each in inside), "folder"),
    ):
        if count:
            left.append(f"{count} {what}{'s' if count > 1 else ''}, to be given by name")
    if left:
        say(f"{', '.join(map(str, folders))}: left out: {'; '.join(left)}")
    return kept


def recolor_photos(
    job: PhotoJob, paths: Sequence[Path], out: Path, extras: Extras = NONE, *, overwrite: bool = False,
    workers: WorkerOptions = ALONE, make_job: Callable[[], PhotoJob] | None = None, device: str = "auto",
) -> list[Made]:  # fmt: skip
    """Recolor photos and folders of them into a folder, or one into a file.

    workers: who does so, where ``make_job`` makes the same ``job`` there. Raises `UserError` for results that would
    take the place of something else, and as reading and the method do.
    """
    for path in paths:
        if path.is_dir() and path.resolve() == out.resolve():
            raise UserError(f"--out {out} is a folder of pictures: results would be pictures next time; give another")
    photos = _asked_for(paths, [path for path in job.inputs if path != job.key])  # the key is one of its series
    refuse_own_results(photos)
    for photo in photos:
        mask_for(job.options.mask, photo)  # a missing one is told before the first picture is made
    if names_a_file(out, PICTURES, "photos"):
        if len(photos) > 1:
            raise UserError(f"--out {out} is one file for {len(photos)} pictures; give a folder")
        results = [out]
        refuse_shared_names([*photos, *job.inputs], results)
    else:
        results = output_paths(photos, out, job.inputs)
    stems = Counter(result.stem.casefold() for result in results)
    items = [
        (path, result, result.stem if stems[result.stem.casefold()] == 1 else result.name.replace(".", "-"))
        for path, result in zip(photos, results, strict=True)
    ]
    told: set[str] = set()

    def tell(made: Made) -> None:
        for note in made.notes:
            if note not in told:
                told.add(note)
                say(f"limner: {note}")
        say(made.line())
        if "methods" in made.numbers and not made.skipped:
            for line in score_table(made.numbers["methods"]):
                say(line)

    making = make_job if workers.spread and make_job is not None else lambda: job
    return results_of(
        partial(begin_photos, making, extras, overwrite), items, workers, title="recolor", unit="pictures",
        names=[str(photo) for photo in photos], device=device, tell=tell,
    )  # fmt: skip


def begin_photos(
    make_job: Callable[[], PhotoJob], extras: Extras, overwrite: bool
) -> Callable[[tuple[Path, Path, str]], Made]:
    """What recolors one photo: its path, the result's, and the stem of what is made besides."""
    job = make_job()
    make = _sheet if job.options.method == ALL_METHODS else recolor_photo

    def work(item: tuple[Path, Path, str]) -> Made:
        path, result, stem = item
        return make(job, path, result, stem, extras, overwrite)

    return work


def other_methods(done: Sequence[Made]) -> str | None:
    """A line on when to try another method, where one of the photos was made now by the default one and scored."""
    made = any(
        one.numbers.get("method") == DEFAULT_METHOD and "closed" in one.numbers for one in done if not one.skipped
    )
    return OTHER_METHODS if made else None


def recolor_photo(job: PhotoJob, path: Path, out: Path, stem: str, extras: Extras, overwrite: bool) -> Made:
    """Recolor one photo file into another, with its record beside it; nothing is done again that is there.

    stem: of the names of what is made besides. Raises `UserError` where ``out`` is something else already, and as
    reading and the method do.
    """
    request = job.request(path, explain=extras.explain, **({"page": True} if extras.page else {}))
    out = out.with_name(f"{stem}-preview.jpg") if job.preview else out
    return make_once(
        out, request, lambda temporary: _recolored(job, path, temporary, out, stem, extras), overwrite=overwrite
    )


def _recolored(job: PhotoJob, path: Path, temporary: Path, out: Path, stem: str, extras: Extras) -> Account:
    target = job.read(path)
    photo = target.photo
    done = job.run(photo, target.mask)
    written = write_photo(temporary, done.picture, photo, quality=PREVIEW_QUALITY if job.preview else 95)
    numbers: dict[str, Any] = {"method": done.method, **done.numbers}
    if done.seconds:
        numbers |= {"seconds": round(sum(done.seconds.values()), 3), "stages": _rounded(done.seconds)}
    if job.references and not job.preview:
        numbers |= job.score(photo, done.picture).to_json()
    numbers["clipped"] = written.clipped
    others = []
    if extras.explain:
        from limner.recolor.scoring.explain import explain  # what draws is not needed for the colors

        others += explain(out.with_name(f"{stem}-explained"), photo.filled, job.pictures_for(photo), done)
    if extras.page:
        others.append(_page(job, path.name, photo, done, numbers, out.with_name(f"{stem}-page.html")))
    notes = [*photo.notes, *target.notes, *job.notes, *written.notes]
    if job.key is not None:
        notes.append(job.series_look.line())
    return Account(numbers, others, notes)


def _page(job: PhotoJob, name: str, photo: Photo, done: Recolored, numbers: Mapping[str, Any], out: Path) -> Path:
    from limner.recolor.scoring.page import result_page

    options = {key: value for key, value in job.options.to_json().items() if value != PLAIN.to_json()[key]}
    if job.weights:
        options["weights of the references"] = ", ".join(f"{weight:g}" for weight in job.weights)
    if job.key is not None:
        options["key"] = job.key.name
    references = [(one.photo.path.name, one.photo.to_srgb(one.photo.filled)) for one in job.references]
    picture = photo.to_srgb(done.picture.cpu())
    page = result_page(name, photo.to_srgb(photo.filled), references, done, picture, numbers, options)
    return page.write(make_folder(out.parent) / out.name)


def _sheet(job: PhotoJob, path: Path, out: Path, stem: str, extras: Extras, overwrite: bool) -> Made:
    """All methods on one labelled sheet, with their scores in its record and the trade-off as a plot."""

    def draw(temporary: Path) -> Account:
        pictures, scores, kept, photo = {}, {}, [], None
        for name, photo, done, score in every_method(job, path):
            pictures[name], scores[name] = photo.to_srgb(done.picture).cpu(), score
            if extras.keep:
                folder = make_folder(out.with_name(f"{stem}-methods"))
                kept.append(write_photo(folder / f"{name}{out.suffix}", done.picture, photo).path)
        assert photo is not None  # METHODS is not empty
        target, reference = (one.to_srgb(one.picture) for one in (photo, job.references[0].photo))
        write_picture(temporary, method_sheet(Transfers(target, reference, pictures, scores), title=path.name))
        alone = {name: [score] for name, score in scores.items()}
        plots = []
        for against, ending in (("ssim", "trade-off"), ("blotches", "blotches")):
            plots.append(out.with_name(f"{stem}-{ending}.png"))
            trade_off_plot(plots[-1], alone, against=against, ours=[DEFAULT_METHOD], title=path.name)
        numbers = {"methods": {name: score.to_json() for name, score in scores.items()}}
        return Account(numbers, (*plots, *kept), photo.notes)

    request = job.request(path, **({"keep": True} if extras.keep else {}))
    return make_once(out.with_name(f"{stem}-methods.jpg"), request, draw, overwrite=overwrite)


def _rounded(seconds: Mapping[str, float]) -> dict[str, float]:
    return {name: round(value, 3) for name, value in seconds.items()}
