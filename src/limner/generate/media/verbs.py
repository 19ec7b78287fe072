"""What the room does for the verbs generate, evaluate and compare, whatever medium a run makes."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from torch import Tensor

from limner.datasets.pictures.quantized import quantized
from limner.fidelity.result import PictureScores
from limner.foundation.errors import UserError
from limner.foundation.progress import say
from limner.generate.making.options import PLAIN, GenerateOptions
from limner.generate.making.sample import GENERATE, Generated, generate_pictures, write_made
from limner.generate.media.captions.recipe import CAPTIONS
from limner.generate.media.clips.predictor import load_clip_maker
from limner.generate.media.clips.recipe import CLIPS
from limner.generate.media.clips.writing import write_clips
from limner.generate.media.music.predictor import load_music_maker
from limner.generate.media.music.recipe import MUSIC
from limner.generate.media.music.writing import write_music
from limner.generate.media.text.predictor import TextPictureGenerator, load_text_generator
from limner.generate.media.text.recipe import TEXT
from limner.generate.media.voxels.predictor import load_voxel_maker
from limner.generate.media.voxels.recipe import VOXELS
from limner.generate.media.voxels.writing import write_solids
from limner.generate.scoring.comparison import PictureComparison, compare_pictures
from limner.generate.scoring.evaluate import evaluate_run as evaluate_pictures
from limner.generate.scoring.options import CompareOptions, EvaluateOptions
from limner.learning.library import recipe_of, task_class
from limner.learning.runs.evaluations import Compared
from limner.learning.runs.opening import open_run
from limner.learning.runs.run import Run
from limner.learning.runs.score_rows import RowsComparison, ScoreRows, compare_rows

MAKES = {TEXT: "pictures of sentences", VOXELS: "solids", CLIPS: "clips", MUSIC: "music"}
"""What runs of other tasks than plain pictures make."""


class Measured(Protocol):
    """A task of a medium."""

    def measure(self, paths: Sequence[Path]) -> ScoreRows:
        """Its scores."""


def generate_media(
    run: str | Path,
    options: GenerateOptions = PLAIN,
    *,
    out: Path = Path("generated"),
    device: str = "auto",
    overwrite: bool = False,
) -> Generated:
    """Write what a run makes: pictures, pictures of sentences, solids, clips, music; see `generate_pictures`,
    `write_solids`, `write_clips` and `write_music`.

    Raises `UserError` as that does; for sentences with words that the run has never seen; for options that mean nothing
    to the run.
    """
    opened = open_run(run)
    if opened.task == CAPTIONS:
        raise UserError(f"{run}: says sentences of clips and makes none; use limner caption {run} CLIP")
    if opened.task not in MAKES:
        return generate_pictures(run, options, out=Path(out), device=device, overwrite=overwrite)
    for name, given in (
        ("classes", options.classes), ("interpolate", options.interpolate),
        ("like", None if opened.task == CLIPS else options.like),
        ("latent-steps", options.latent_steps), ("mix", options.mix), ("edit", options.edit),
    ):  # fmt: skip
        if given is not None:
            raise UserError(f"--{name}: {run} makes {MAKES[opened.task]} and has no such thing; leave it out")
    if opened.task != TEXT and options.text:
        raise UserError(f"--text: {run} learned without sentences; leave it out")
    if opened.task == VOXELS:
        maker = load_voxel_maker(opened, device)
        return write_solids(maker, options, Path(out), {"model": maker.digest, **options.request()}, overwrite)
    if opened.task == MUSIC:
        player = load_music_maker(opened, device)
        return write_music(player, options, Path(out), {"model": player.digest, **options.request()}, overwrite)
    if opened.task == CLIPS:
        clips = load_clip_maker(opened, device)
        return write_clips(clips, options, Path(out), {"model": clips.digest, **options.request()}, overwrite)
    return _generate_of_text(load_text_generator(opened, device), options, Path(out), overwrite)


def _generate_of_text(
    generator: TextPictureGenerator, options: GenerateOptions, folder: Path, overwrite: bool
) -> Generated:
    sentences = options.text or generator.sentences
    for sentence in sentences:
        generator.vocabulary.check(sentence)
    if not options.text:
        say(f"no --text is given; the pictures are of sentences that it did not learn from, first: {sentences[0]}")

    def make(numbers: Sequence[int]) -> Tensor:
        told = [sentences[number % len(sentences)] for number in numbers]
        return quantized(generator.decode(numbers, told, options.seed, options.truncation))

    request = {"model": generator.digest, **options.request()}
    return write_made(make, options, folder, request, overwrite)


def evaluate_run(
    run: Run, options: EvaluateOptions, *, data: Sequence[Path] = (), device: str = "auto"
) -> PictureScores | ScoreRows:
    """Score what a run makes, against what it did not learn from, or other data.

    Raises `UserError` as reading the data does, and for options of pictures given to a run of another medium.
    """
    if run.task == GENERATE:
        return evaluate_pictures(run, options, data=data, device=device)
    if options != EvaluateOptions():
        raise UserError(
            f"{run.folder}: --features, --samples, --seed and --resamples are of runs that make pictures alone; leave "
            "them out"
        )
    return measured_task(run).measure(data)


def measured_task(run: Run) -> Measured:
    """The task of a run with its data and its trained networks, on the CPU."""
    recipe = recipe_of(run)
    task: Any = task_class(recipe.task)(recipe)
    task.load_weights(run.weights())
    found: Measured = task
    return found


def compare_runs(
    compared: Sequence[Compared], options: CompareOptions, *, device: str = "auto"
) -> PictureComparison | RowsComparison:
    """Compare runs of one medium; runs that make pictures alone, also with folders of pictures.

    Raises `UserError` for runs of several media, and as `compare_pictures` does.
    """
    if all(each.task in (GENERATE, None) for each in compared):
        return compare_pictures(compared, options, device=device)
    if options != CompareOptions():
        raise UserError(
            "the options of limner compare are, in this room, of runs that make pictures alone; leave them out"
        )
    return compare_rows(compared)
