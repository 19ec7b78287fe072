"""`limner translate`: photos, folders, georeferenced rasters and clips, from files to files."""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path

from limner.foundation.errors import UserError
from limner.foundation.files.dependencies import digest
from limner.foundation.files.photo_paths import list_photos, names_a_file, output_paths, refuse_shared_names
from limner.foundation.files.records import Account, Made, make_once, refuse_own_results
from limner.foundation.files.suffixes import MASKS, PICTURES, TIFFS, VIDEOS, WRITTEN_VIDEOS, ends_with
from limner.foundation.files.writing import as_paths
from limner.foundation.machine.workers.options import ALONE, WorkerOptions
from limner.foundation.machine.workers.spreading import results_of
from limner.foundation.progress import say
from limner.learning.runs.opening import open_run
from limner.learning.runs.run import Run
from limner.scenes.rasters import open_raster
from limner.translate.translating.clips import translate_clip
from limner.translate.translating.domains import load_for
from limner.translate.translating.options import PLAIN, TranslateOptions
from limner.translate.translating.photos import translate_photo
from limner.translate.translating.predictor import PictureTranslator
from limner.translate.translating.scenes import translate_scene

ADDED = ("to", "ahead", "attributes", "times")
"""Options that came later: a record without them is of a command without them."""


def translate_pictures(
    run: str | Path | Run,
    pictures: str | Path | Sequence[str | Path],
    options: TranslateOptions = PLAIN,
    *,
    out: str | Path = "translated",
    clip: bool = False,
    device: str = "auto",
    overwrite: bool = False,
    workers: WorkerOptions = ALONE,
) -> list[Made]:
    """Translate files into files; what the same command made before is not made again.

    pictures: photos, folders of photos, georeferenced rasters, or video files. out: a folder, or for one picture the
    file itself. clip: folders are the frames of clips. workers: who works on many.

    Raises `UserError` for no run of this room, what cannot be read or written, a mask that is missing or means nothing,
    and `PartlyFailedError` where workers did the rest.
    """
    opened = run if isinstance(run, Run) else open_run(run, "translate")
    paths, folder = as_paths(pictures), Path(out)
    for path in paths:
        if not path.exists():
            raise UserError(f"{path}: no such file or folder")
        if path.is_dir() and path.resolve() == folder.resolve():
            raise UserError(f"--out {out} is a folder of pictures: results would be pictures next time; give another")
    clips = [path for path in paths if (clip and path.is_dir()) or ends_with(path, VIDEOS)]
    files = list_photos([path for path in paths if path not in clips]) if len(clips) < len(paths) else []
    refuse_own_results(files)
    results = _results([*clips, *files], len(clips), folder)
    masks = {path: mask_for(options.mask, path) for path in files}
    translator = load_for(opened, options, device)
    translator.check(translator.channels, options.mask)
    if translator.frames and files:
        words = translator.frame_words
        raise UserError(f"{files[0]}: the run makes {words} of clips; give video files, or folders with --clip")
    for option, frame in (("ahead", "next"), ("times", "between")):
        if getattr(options, option) is not None and not (translator.frames and translator.frame == frame):
            does = f"makes {translator.frame_words} of clips" if translator.frames else "translates pictures"
            knows = {"next": "no next frame", "between": "no frames between others"}[frame]
            raise UserError(f"the run {does} and knows {knows}; leave --{option} out")
    if translator.note:
        say(f"limner: {translator.note}")
    told: set[str] = set()

    def tell(made: Made) -> None:
        for note in made.notes:
            if note not in told:
                told.add(note)
                say(f"limner: {note}")
        say(made.line())

    loading = partial(_loaded, opened.folder, options, device) if workers.spread else lambda: translator
    return results_of(
        partial(begin_translating, loading, options, overwrite),
        [(path, result, masks.get(path), path in clips) for path, result in results.items()],
        workers, title="translate", unit="pictures", names=[str(path) for path in results], device=device, tell=tell,
    )  # fmt: skip


def _loaded(run: Path, options: TranslateOptions, device: str) -> PictureTranslator:
    return load_for(open_run(run, "translate"), options, device)


def begin_translating(
    load: Callable[[], PictureTranslator], options: TranslateOptions, overwrite: bool
) -> Callable[[tuple[Path, Path, Path | None, bool]], Made]:
    """What translates one picture: its path, the result's, its mask, and whether it is a clip."""
    translator = load()

    def work(item: tuple[Path, Path, Path | None, bool]) -> Made:
        path, result, mask, clip = item
        return _one(translator, path, result, mask, options, clip=clip, overwrite=overwrite)

    return work


def _one(
    translator: PictureTranslator, path: Path, result: Path, mask: Path | None, options: TranslateOptions, *, clip:
    bool, overwrite: bool,
) -> Made:  # fmt: skip
    request = {
        "picture": digest(path),
        "model": translator.digest,
        "mask": None if mask is None else digest(mask),
        **{
            name: value
            for name, value in asdict(options).items()
            if name != "mask" and (value is not None or name not in ADDED)
        },
    }

    def make(temporary: Path) -> Account:
        if clip:
            return translate_clip(translator, path, result, temporary, options)
        if is_scene(path, translator):
            return translate_scene(translator, path, temporary, options)
        return translate_photo(translator, path, temporary, mask, options)

    return make_once(result, request, make, overwrite=overwrite)


def is_scene(path: Path, translator: PictureTranslator) -> bool:
    """Whether a TIFF is a raster of bands rather than a photo: it lies somewhere on the earth, or has other "
    "channels."""
    if not ends_with(path, TIFFS):
        return False
    with open_raster(path) as raster:
        return raster.georeferenced or raster.bands not in (1, 3) or translator.source_colors == "bands"


def mask_for(mask: Path | None, picture: Path) -> Path | None:
    """The mask of a picture: the file itself, or of a folder the one of the picture's name. Raises `UserError` where it
    is not there."""
    if mask is None:
        return None
    if not mask.exists():
        raise UserError(f"--mask {mask}: no such file or folder")
    if mask.is_file():
        return mask
    for suffix in MASKS:
        if (found := mask / f"{picture.stem}{suffix}").exists():
            return found
    raise UserError(f"--mask {mask}: no mask called {picture.stem}{MASKS[0]} in it, for {picture}")


def _results(paths: Sequence[Path], clips: int, out: Path) -> dict[Path, Path]:
    """Where the result of each goes."""
    kinds = WRITTEN_VIDEOS if clips else PICTURES
    if names_a_file(out, kinds, "clips" if clips else "pictures"):
        if len(paths) > 1:
            raise UserError(f"--out {out} is one file for {len(paths)} pictures; give a folder")
        refuse_shared_names(paths, [out])
        return {paths[0]: out}
    named = [out / _clip_name(path) for path in paths[:clips]]
    results = [*named, *output_paths(paths[clips:], out, done="translated")]
    refuse_shared_names(paths, results)
    return dict(zip(paths, results, strict=True))


def _clip_name(path: Path) -> str:
    return path.resolve().name if path.is_dir() or ends_with(path, WRITTEN_VIDEOS) else f"{path.stem}.mp4"
