"""The data that a recipe names: found, split into ground to learn from and ground held out, and cut into crops."""

from collections.abc import Sequence

from limner.foundation.errors import UserError
from limner.learning.runs.opening import open_run
from limner.segment.data import areas
from limner.segment.data.annotation import annotate_share
from limner.segment.data.areas import find_data
from limner.segment.data.blocks import Split, hold_out
from limner.segment.data.chips import DataSet
from limner.segment.data.crops import CropSource
from limner.segment.data.folds import Fold, fold_ground
from limner.segment.predicting.facts import read_facts
from limner.segment.training.borders import BORDERS, Borders
from limner.segment.training.recipe import SegmentRecipe


def load_data(recipe: SegmentRecipe, wanted: Sequence[str] | None = None) -> DataSet:
    """The data set that a recipe names, with labels on only a share of its ground where the recipe says so.

    wanted: the classes that the labels are brought to; None: those of the run that the recipe goes on from, if it does.
    """
    settings = recipe.data
    if not settings.paths:
        raise UserError("no data: add --data FOLDER (a folder of areas, each with images/ and masks/ or a vector file)")
    if wanted is None and recipe.initial is not None:
        wanted = read_facts(open_run(recipe.initial, "segment")).class_names
    data = find_data(settings.paths, settings.reading, wanted=wanted)
    if settings.annotate is None:
        return data
    return annotate_share(data, settings.annotate, recipe.seed, ring_px=settings.ring_px)


def fingerprint(recipe: SegmentRecipe, data: DataSet) -> str:
    """A digest of all that a training learns from: the data, and the model that it begins with."""
    found = areas.fingerprint(data)
    return found if recipe.initial is None else f"{found} from {open_run(recipe.initial).digest()}"


def split_data(recipe: SegmentRecipe, data: DataSet) -> Split:
    """The ground that a recipe holds out for validation."""
    settings = recipe.data
    share = 0.0 if recipe.keep_if_better else settings.validation_share  # it holds ground out in turn, see `folds_of`
    return hold_out(data, share, settings.tile_px, recipe.seed, ring_px=settings.ring_px)


def folds_of(recipe: SegmentRecipe, data: DataSet) -> tuple[Fold, ...]:
    """The divisions of the ground by which a recipe tells whether what it learns is better."""
    settings = recipe.data
    return fold_ground(data, settings.tile_px, recipe.seed, share=settings.validation_share, ring_px=settings.ring_px)


def borders_of(recipe: SegmentRecipe, class_names: Sequence[str]) -> Borders | None:
    """What a network learns beside so many classes; nothing of more than two, whose regions are not split."""
    borders: Borders | None = recipe.borders.build(BORDERS)
    return borders if len(class_names) == 2 else None


def make_source(recipe: SegmentRecipe, data: DataSet, split: Split) -> CropSource:
    """The crops that a recipe draws from its data."""
    settings = recipe.data
    borders = borders_of(recipe, data.class_names)
    return CropSource(
        data,
        split,
        tile_px=settings.tile_px,
        stride_px=settings.stride_px,
        crop_px=settings.crop_px,
        seed=recipe.seed,
        ring_px=settings.ring_px,
        areas_balanced=settings.areas_balanced,
        classes_balanced=settings.classes_balanced,
        scale_range=settings.scale_range,
        jitter=settings.jitter,
        curves=settings.curves,
        band_mixing=settings.band_mixing,
        deepest_px=0 if borders is None else borders.most_px,
    )
