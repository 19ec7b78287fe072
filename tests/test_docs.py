"""The documentation says what the code does: verbs, options, settings, links, examples."""

import ast
import dataclasses
import inspect
import re
import shlex
import tomllib
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints
from xml.etree import ElementTree

import pytest
from cyclopts import CycloptsError, MissingArgumentError

import limner
from limner.adversarial.augment import AUGMENTATIONS
from limner.adversarial.latents.settings import LatentOptimization
from limner.adversarial.losses import LOSSES as ADVERSARIAL_LOSSES
from limner.adversarial.priors import PRIORS
from limner.adversarial.regularizers.penalties import PenaltySettings
from limner.adversarial.weights.initialize import INITIALIZATIONS
from limner.classify.networks import NETWORKS as CLASSIFIERS
from limner.classify.training.augment import AugmentSettings
from limner.classify.training.losses import LOSSES as CLASS_LOSSES
from limner.classify.training.recipe import ClassifyRecipe, ExampleSettings
from limner.cli import app
from limner.commands.completion import app_with_all_options
from limner.commands.learning import SHARED
from limner.commands.rooms import app_of_room
from limner.detect.data.augment import AugmentSettings as DetectAugmentSettings
from limner.detect.networks import NETWORKS as DETECTORS
from limner.detect.training.recipe import DetectRecipe, ObjectSettings
from limner.foundation.errors import UserError
from limner.foundation.machine.workers import options as worker_options
from limner.generate.media.captions.networks import CAPTION_DISCRIMINATORS, CAPTION_GENERATORS
from limner.generate.media.captions.recipe import CaptionedClipSettings, CaptionRecipe
from limner.generate.media.clips.networks import CLIP_DISCRIMINATORS, CLIP_GENERATORS
from limner.generate.media.clips.recipe import ClipRecipe, ClipSettings
from limner.generate.media.music.networks.listing import MUSIC_DISCRIMINATORS, MUSIC_GENERATORS
from limner.generate.media.music.recipe import MusicDataSettings, MusicRecipe
from limner.generate.media.recipe import MediaScoreSettings
from limner.generate.media.text.networks import TEXT_DISCRIMINATORS, TEXT_ENLARGERS, TEXT_GENERATORS
from limner.generate.media.text.recipe import CaptionSettings, SecondSettings, TextRecipe, WordSettings
from limner.generate.media.voxels.networks import VOXEL_DISCRIMINATORS, VOXEL_GENERATORS
from limner.generate.media.voxels.recipe import VoxelRecipe, VoxelSettings
from limner.generate.networks import DISCRIMINATORS, GENERATORS
from limner.generate.networks.encoders import ENCODERS
from limner.generate.training.recipe import GenerateRecipe, PictureSettings, ScoreSettings
from limner.learning.library import bundled_recipes
from limner.learning.loop.average import AVERAGES
from limner.learning.loop.optimizers import OPTIMIZERS, SCHEDULES
from limner.learning.loop.settings import LoopSettings
from limner.learning.loop.task import Task
from limner.learning.networks.listing import NetworkRow, NetworkSizes
from limner.learning.recipes.recipe import Choice, options_of
from limner.learning.rooms import rooms_with, verb_of
from limner.recolor.methods.analogy import NETWORKS as ANALOGIES
from limner.recolor.training.recipe import AnalogyRecipe, PhotoSettings
from limner.segment.networks import NETWORKS
from limner.segment.networks.listing import list_networks
from limner.segment.training.borders import BORDERS
from limner.segment.training.losses import LOSSES
from limner.segment.training.recipe import DataSettings, SegmentRecipe, StageSettings
from limner.translate.degrading.ways import DEGRADATIONS
from limner.translate.networks import (
    ATTRIBUTE_DISCRIMINATORS,
    ATTRIBUTE_GENERATORS,
    CLASS_DISCRIMINATORS,
    CODE_GENERATORS,
    EXTRACTORS,
    PICTURE_READERS,
    TOLD_GENERATORS,
    TRANSFER_DISCRIMINATORS,
)
from limner.translate.networks import DISCRIMINATORS as TRANSLATE_DISCRIMINATORS
from limner.translate.networks import GENERATORS as TRANSLATORS
from limner.translate.networks.beginning import INITIALIZATIONS as TRANSLATE_INITIALIZATIONS
from limner.translate.training.attributes.recipe import (
    AttributeRecipe,
    AttributeScoreSettings,
    AttributeSettings,
)
from limner.translate.training.domains.recipe import (
    DomainScoreSettings,
    DomainSettings,
    StarRecipe,
    TransferRecipe,
    UnpairedRecipe,
)
from limner.translate.training.pairs.content import CONTENT
from limner.translate.training.pairs.recipe import PairRecipe, PairSettings
from limner.translate.training.pairs.recipe import ScoreSettings as PairScoreSettings
from test_house import FLOORS

TOP = Path(__file__).parents[1]
DOCS = TOP / "docs"
PAGES = sorted([*DOCS.rglob("*.md"), *(TOP / f"{name}.md" for name in ("README", "CHANGELOG", "CONTRIBUTING"))])
VERBS = sorted(name for name in app if not name.startswith("-"))
EVERYWHERE = {"--help", "--version", "--debug", "--install-completion"}
OF_TESTS = {"--attack"}  # of pytest, see tests/conftest.py
OPTION = re.compile(r"(?<![\w-])--[a-z][\w.-]*\w")
CALL = re.compile(rf"limner ({'|'.join(VERBS)})\b")
LOOP: dict[str, type] = {"loop.": LoopSettings}
MOVES: dict[str, Mapping[str, Any]] = {"optimizer": OPTIMIZERS, "schedule": SCHEDULES}
PAGES_OF_SETTINGS: dict[str, tuple[dict[str, type], dict[str, Mapping[str, Any]]]] = {
    "recipes.md": (
        {"": SegmentRecipe, "data.": DataSettings, "stages.": StageSettings, **LOOP},
        {"network": NETWORKS, "loss": LOSSES, "borders": BORDERS, "average": AVERAGES, **MOVES},
    ),
    "generate/recipe.md": (
        {
            "": GenerateRecipe, "data.": PictureSettings, "latent_optimization.": LatentOptimization,
            "penalties.": PenaltySettings, "scores.": ScoreSettings,
        },
        {
            "prior": PRIORS, "generator": GENERATORS, "discriminator": DISCRIMINATORS, "encoder": ENCODERS,
            "initialization": INITIALIZATIONS,
            "loss": ADVERSARIAL_LOSSES, "average": AVERAGES, "augment": AUGMENTATIONS,
        },
    ),
    "generate/text.md": (
        {
            "": TextRecipe, "data.": CaptionSettings, "words.": WordSettings, "second.": SecondSettings,
            "scores.": MediaScoreSettings,
        },
        {"generator": TEXT_GENERATORS, "discriminator": TEXT_DISCRIMINATORS, "second.generator": TEXT_ENLARGERS},
    ),
    "generate/voxels.md": (
        {"": VoxelRecipe, "data.": VoxelSettings},
        {"generator": VOXEL_GENERATORS, "discriminator": VOXEL_DISCRIMINATORS},
    ),
    "generate/captions.md": (
        {"": CaptionRecipe, "data.": CaptionedClipSettings},
        {"generator": CAPTION_GENERATORS, "discriminator": CAPTION_DISCRIMINATORS},
    ),
    "generate/music.md": (
        {"": MusicRecipe, "data.": MusicDataSettings},
        {"generator": MUSIC_GENERATORS, "discriminator": MUSIC_DISCRIMINATORS},
    ),
    "generate/clips.md": (
        {"": ClipRecipe, "data.": ClipSettings},
        {"generator": CLIP_GENERATORS, "discriminator": CLIP_DISCRIMINATORS},
    ),
    "classify/recipe.md": (
        {"": ClassifyRecipe, "data.": ExampleSettings, "augment.": AugmentSettings},
        {"network": CLASSIFIERS, "loss": CLASS_LOSSES},
    ),
    "detect/recipe.md": (
        {"": DetectRecipe, "data.": ObjectSettings, "augment.": DetectAugmentSettings},
        {"network": DETECTORS},
    ),
    "translate/recipe.md": (
        {"": PairRecipe, "data.": PairSettings, "scores.": PairScoreSettings},
        {
            "degrade": DEGRADATIONS, "generator": TRANSLATORS, "discriminator": TRANSLATE_DISCRIMINATORS,
            "content": CONTENT, "initialization": TRANSLATE_INITIALIZATIONS,
        },
    ),
    "translate/domain-recipes.md": (
        {"": UnpairedRecipe, "data.": DomainSettings, "scores.": DomainScoreSettings},
        {"generator": TOLD_GENERATORS, "discriminator": CLASS_DISCRIMINATORS},
    ),
    "translate/stargan-recipe.md": ({"": StarRecipe}, {}),
    "translate/dtn-recipe.md": (
        {"": TransferRecipe},
        {"extractor": EXTRACTORS, "generator": CODE_GENERATORS, "discriminator": TRANSFER_DISCRIMINATORS},
    ),
    "recolor/histogram-analogy.md": ({"": AnalogyRecipe, "data.": PhotoSettings}, {"network": ANALOGIES}),
    "translate/icgan-recipe.md": (
        {"": AttributeRecipe, "data.": AttributeSettings, "scores.": AttributeScoreSettings},
        {
            "generator": ATTRIBUTE_GENERATORS, "discriminator": ATTRIBUTE_DISCRIMINATORS,
            "latent_encoder": PICTURE_READERS,
        },
    ),
}  # fmt: skip
"""Each page of settings: the sections of its recipe, and what each choice may name."""
GIVEN = {
    "attributes",
    "channels",
    "classes",
    "code",
    "known",
    "parameters",
    "size_px",
    "count",
    "size",
    "generator",
    "network",
    "inputs",
    "outputs",
    "scale",
    "shape",
    "words",
    "length",
    "side",
}
"""Arguments that the task supplies, so that no recipe has them."""
GIVEN_TO = {"encoder": frozenset({"latent", "bounded"})}
"""Further ones of a single choice."""


def named(path: Path) -> str:
    return path.relative_to(TOP).as_posix()


def verb_page(verb: str) -> Path:
    return DOCS / "verbs" / f"{verb}.md"


# --- verbs and their options -----------------------------------------------------------------------------------------


def arguments(verb: Any, room: str | None) -> list[Any]:
    """What a verb takes: in every room, or with ``room`` what it takes in this one beside that."""
    everywhere = list(app[verb].assemble_argument_collection())
    if room is None:
        return everywhere
    known = {one.name for one in everywhere}
    there = app_of_room(verb, SHARED[verb], room)[verb].assemble_argument_collection()
    return [one for one in there if one.name not in known]


def rooms(verb: Any) -> list[str | None]:
    """None, and the rooms in which a verb takes more."""
    if verb not in SHARED:
        return [None]
    return [None, *(name for name in rooms_with(verb) if verb_of(name, verb).options_type() is not None)]


@cache
def options(verb: str, room: str | None) -> frozenset[str]:
    """The options that ``--help`` lists, without the words that may be given by their place."""
    by_place = () if room else (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.POSITIONAL_ONLY)
    shown = [one for one in arguments(verb, room) if one.show and one.field_info.kind not in by_place]
    return frozenset(name for one in shown for name in one.names if name.startswith("-"))


@cache
def all_options(verb: str) -> frozenset[str]:
    """The options of a verb in all rooms."""
    return frozenset().union(*(options(verb, room) for room in rooms(verb)))


def tables(verb: str) -> dict[str | None, str]:
    """A verb's page from its heading "Options" on: what stands there for all rooms, and below a room's name."""
    text = verb_page(verb).read_text(encoding="utf-8").partition("\n## Options\n")[2]
    first, *more = text.partition("\n## ")[0].split("\n### In the room `")
    return {None: first, **{part.partition("`")[0]: part.partition("\n")[2] for part in more}}


@cache
def settings() -> frozenset[str]:
    """Every setting of a recipe as the command line writes it, such as ``--data.tile-px``."""
    names = []
    for sections, choices in PAGES_OF_SETTINGS.values():
        chosen = {**choices, **{f"{player}_optimizer": OPTIMIZERS for player in ("generator", "discriminator")}}
        for prefix, section in sections.items():
            if prefix != "stages.":
                names += [prefix + field.name for field in dataclasses.fields(section)]
        for choice, entries in chosen.items():
            names.append(f"{choice}.name")
            names += [f"{choice}.{option}" for entry in entries.values() for option in options_of(entry)]
    names = [name.replace("_", "-") for name in names]
    return frozenset(prefix + name for name in names for prefix in ("--", "--no-"))


def used_options(text: str, verb: str | None) -> Iterator[tuple[str | None, str]]:
    """(verb, option) for each option that a page writes: after ``limner VERB`` that verb's, else the page's own.

    Lines that quote limner's answer to a mistake, or that belong to another program, are not looked at.
    """
    for line in text.replace("\\\n", " ").splitlines():
        answer = line.find("`limner: ")
        line = line if answer < 0 else line[:answer]
        if re.match(r"\s*(pip|python|git|gdal|ray |srun|#SBATCH|docker)", line):
            continue
        calls = [(call.start(), call[1]) for call in CALL.finditer(line)]
        for option in OPTION.finditer(line):
            before = [called for start, called in calls if start < option.start()]
            yield (before[-1] if before else verb), option[0]


def test_every_verb_has_a_page_that_the_index_names_and_no_other_page_is_there() -> None:
    assert sorted(path.stem for path in (DOCS / "verbs").iterdir()) == VERBS
    index = (DOCS / "index.md").read_text(encoding="utf-8")
    assert [verb for verb in VERBS if f"(verbs/{verb}.md)" not in index] == []


@pytest.mark.parametrize("verb", VERBS)
def test_a_verbs_page_lists_each_of_its_options_in_the_table_of_its_room(verb: str) -> None:
    found = {room: re.findall(r"^\| `(-[\w-]+)` \|", part, re.MULTILINE) for room, part in tables(verb).items()}
    assert list(found) == rooms(verb)
    for room, rows in found.items():
        assert sorted(rows) == sorted(options(verb, room))


@pytest.mark.parametrize("verb", VERBS)
def test_a_verbs_page_gives_the_defaults_that_the_code_has(verb: str) -> None:
    for room, part in tables(verb).items():
        table = dict(re.findall(r"^\| `--?([\w-]+)` \| (.*?) \|", part, re.MULTILINE))
        for argument in arguments(verb, room):
            name, default = argument.names[0].lstrip("-"), argument.field_info.default
            if name not in table or default is None:
                continue
            if isinstance(default, tuple):
                default = ",".join(default)
            expected = "off" if default is False else "needed" if default is inspect.Parameter.empty else str(default)
            assert table[name].strip("`") == expected, name


@pytest.mark.parametrize("path", PAGES, ids=named)
def test_pages_write_only_options_that_exist(path: Path) -> None:
    page_verb = path.stem if path.parent.name == "verbs" else None
    unknown = []
    for verb, option in used_options(path.read_text(encoding="utf-8"), page_verb):
        known = EVERYWHERE | OF_TESTS | (all_options(verb) if verb else frozenset().union(*map(all_options, VERBS)))
        if verb in (None, "train", "study", "refine", "generate", "inspect", "look"):
            known |= settings()
        stage = re.fullmatch(r"--stages\.[\w-]+\.([\w-]+)", option)  # of a stage, by its name
        named = stage is not None and stage[1].replace("-", "_") in StageSettings.__dataclass_fields__
        if option not in known and not named:
            unknown.append((verb, option))
    assert unknown == []


@pytest.mark.parametrize("verb", VERBS)
def test_a_verbs_page_has_a_command_an_example_and_the_common_mistakes(verb: str) -> None:
    text = verb_page(verb).read_text(encoding="utf-8")
    assert text.startswith(f"# limner {verb}\n")
    for heading in ("## What it writes", "## Options", "## Example", "## Common mistakes"):
        assert heading in text
    assert f"$ limner {verb}" in text


# --- recipes ---------------------------------------------------------------------------------------------------------


def setting_row(prefix: str, field: "dataclasses.Field[Any]", kind: Any) -> str:
    """The table row of a setting on the recipes' page: name, default, help with its unit, what it may be."""
    default = field.default if field.default is not dataclasses.MISSING else None
    needed = field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
    unit = f" [{field.metadata['unit']}]" if field.metadata.get("unit") else ""
    shown = "needed" if needed else "see below" if field.default is dataclasses.MISSING else f"`{plain(default)}`"
    return f"| `{prefix}{field.name}` | {shown} | {field.metadata['help']}{unit} | {allowed(field, kind)} |"


def plain(default: Any) -> str:
    """A default as YAML has it."""
    if isinstance(default, Choice):
        return default.name
    if isinstance(default, tuple):
        return f"[{', '.join(map(plain, default))}]"
    return "none" if default is None else str(default).lower() if isinstance(default, bool) else str(default)


def allowed(field: "dataclasses.Field[Any]", kind: Any) -> str:
    """What a setting may be, from its type and bounds."""
    if "entries" in field.metadata:
        return ", ".join(f"`{name}`" for name in field.metadata["entries"]())
    if get_origin(kind) is Literal:
        return ", ".join(f"`{value}`" for value in get_args(kind))
    low, high = field.metadata.get("minimum"), field.metadata.get("maximum")
    if low is not None:
        return f"at least {low}" if high is None else f"{low} to {high}"
    return {bool: "`true`, `false`"}.get(kind, "")


def option_row(name: str, entry: Any, given: frozenset[str] = frozenset()) -> str:
    """The table row of a network, loss, optimizer or schedule with its options and their defaults."""
    taken = [
        f"`{key}` {plain(option.default)}"
        for key, option in inspect.signature(entry).parameters.items()
        if key not in GIVEN | given
    ]
    return f"| `{name}` | {', '.join(taken) or 'none'} |"


def settings_rows(page: str) -> Iterator[str]:
    sections, choices = PAGES_OF_SETTINGS[page]
    for prefix, section in sections.items():
        hints = get_type_hints(section)
        for field in dataclasses.fields(section):
            yield setting_row(prefix, field, hints[field.name])
    for choice, entries in choices.items():
        for name, entry in entries.items():
            yield option_row(name, entry, GIVEN_TO.get(choice, frozenset()))


@pytest.mark.parametrize("page", PAGES_OF_SETTINGS)
def test_a_page_of_settings_gives_every_one_with_its_default_help_unit_and_bounds(page: str) -> None:
    lines = (DOCS / page).read_text(encoding="utf-8").splitlines()
    expected = list(settings_rows(page))
    assert [row for row in expected if row not in lines] == []
    rows = [line for line in lines if re.match(r"\| `[\w.-]+` \|", line)]
    assert sorted(set(rows) - set(expected)) == []


def recipe_rows() -> Iterator[str]:
    """Rows of the table of bundled recipes on the recipes' page."""
    for line in (DOCS / "recipes.md").read_text(encoding="utf-8").splitlines():
        if re.match(r"\| `(segment|recolor|generate|classify|translate|detect)/", line):
            yield line


def test_the_recipes_pages_name_every_bundled_recipe() -> None:
    named_there = [row.split("`")[1] for row in recipe_rows()]
    assert sorted(named_there) == sorted(bundled_recipes())
    printed = re.findall(
        r"^[* ] ((?:segment|recolor|generate|classify|translate|detect)/\S+) ",
        verb_page("recipes").read_text(encoding="utf-8"),
        re.MULTILINE,
    )
    assert sorted(printed) == sorted(bundled_recipes())


# --- networks --------------------------------------------------------------------------------------------------------


@cache
def network_rows(channels: int, classes: int) -> list[NetworkRow]:
    return list_networks(NetworkSizes(channels, classes))


@pytest.mark.parametrize("name", NETWORKS)
def test_a_networks_page_has_the_numbers_that_the_code_gives(name: str) -> None:
    text = (DOCS / "networks" / f"{name}.md").read_text(encoding="utf-8")
    for row in network_rows(4, 2):
        if row.name == name:
            assert f"{row.parameters:,}" in text, row.options
            assert f"{row.receptive_field_px:,}" in text, row.options


def test_every_network_has_a_page_that_the_index_names_and_no_other_page_is_there() -> None:
    assert sorted(path.stem for path in (DOCS / "networks").iterdir()) == sorted(NETWORKS)
    for page in ("index.md", "recipes.md", "verbs/networks.md"):
        text = (DOCS / page).read_text(encoding="utf-8")
        assert [name for name in NETWORKS if f"networks/{name}.md)" not in text] == []


@pytest.mark.parametrize("name", NETWORKS)
def test_a_networks_page_has_its_figure_its_shapes_its_options_and_what_was_left_open(name: str) -> None:
    text = (DOCS / "networks" / f"{name}.md").read_text(encoding="utf-8")
    for part in (f"](../pictures/network-{name}.svg)", "## Shapes", "## Parameters", "## Options", "## Measured"):
        assert part in text
    assert re.search(r"^## What .*open, and what we chose$", text, re.MULTILINE)
    table = dict(re.findall(r"^\| `(\w+)` \| (\S+) \|", text, re.MULTILINE))
    options = inspect.signature(NETWORKS[name]).parameters
    assert table == {key: plain(option.default) for key, option in options.items() if key not in GIVEN}


# --- the house -------------------------------------------------------------------------------------------------------


def test_the_houses_page_names_every_method_that_a_task_must_write() -> None:
    text = (DOCS / "house.md").read_text(encoding="utf-8")
    shared = {"begin", "batch", "step", "fit", "evaluate", "facts", "predictor", "stages"}
    assert [name for name in sorted(Task.__abstractmethods__ | shared) if f"`{name}" not in text] == []


def first_line(folder: Path) -> str:
    """Of what a folder says of itself."""
    return str(ast.get_docstring(ast.parse((folder / "__init__.py").read_text(encoding="utf-8")))).splitlines()[0]


def test_the_houses_page_tells_each_folder_on_its_floor_as_the_folder_tells_itself() -> None:
    rows = re.findall(
        r"^\| (\d+) \| `(\w+)/` \| (.+) \|$", (DOCS / "house.md").read_text(encoding="utf-8"), re.MULTILINE
    )
    source = TOP / "src" / "limner"
    told = [
        (str(number), name, first_line(source / name))
        for number, names in enumerate(FLOORS)
        for name in names
        if (source / name).is_dir() and name
    ]
    assert rows == told


def test_every_folder_says_what_it_is_about() -> None:
    folders = {path.parent for path in (TOP / "src" / "limner").rglob("*.py")}
    assert [str(folder) for folder in folders if not first_line(folder).endswith(".")] == []


# --- all pages -------------------------------------------------------------------------------------------------------


def prose_of(text: str) -> str:
    """A text without its code blocks."""
    return re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)


def prose(path: Path) -> str:
    """A page without its code blocks."""
    return prose_of(path.read_text(encoding="utf-8"))


def anchor(heading: str) -> str:
    """A heading's anchor as GitHub makes it."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


@pytest.mark.parametrize("path", sorted(DOCS.rglob("*.md")), ids=named)
def test_links_and_pictures_lead_somewhere(path: Path) -> None:
    broken = []
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(path)):
        if re.match(r"https?:", target):
            continue
        file, _, part = target.partition("#")
        there = (path.parent / file).resolve() if file else path
        headings = re.findall(r"^#+ (.*)", prose(there), re.MULTILINE) if part and there.is_file() else []
        if not there.exists() or (part and part not in map(anchor, headings)):
            broken.append(target)
    assert broken == []


@pytest.mark.parametrize("page", ["verbs/segment.md", "verbs/detect.md", "your-own-scenes.md"])
def test_pages_on_polygons_without_a_place_say_which_way_y_grows(page: str) -> None:
    text = " ".join((DOCS / page).read_text(encoding="utf-8").split())
    assert re.search(r"columns and rows[^.]*\by grow(s|ing) downward", text)


@pytest.mark.parametrize("path", PAGES, ids=named)
def test_python_examples_compile_and_import_what_is_there(path: Path) -> None:
    for block in re.findall(r"^```python\n(.*?)^```", path.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL):
        compile(block, named(path), "exec")
        for line in block.splitlines():
            if line.startswith(("import limner", "from limner")):
                exec(line, {})


@pytest.mark.parametrize("path", PAGES, ids=named)
def test_pages_name_no_path_of_a_machine(path: Path) -> None:
    folders = r"(?<![\w.>/])/(?:home|root|tmp|work|var|mnt|media|opt|usr|Users)\b\S*|\b[A-Z]:\\\S*"
    assert re.findall(folders, path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("path", sorted(DOCS.rglob("*.svg")), ids=named)
def test_drawings_are_well_formed_say_what_they_show_and_load_nothing(path: Path) -> None:
    drawing = ElementTree.parse(path).getroot()
    assert drawing.tag == "{http://www.w3.org/2000/svg}svg"
    assert drawing.findtext("{http://www.w3.org/2000/svg}title")
    text = path.read_text(encoding="utf-8")
    assert not re.search(r"(href|src)\s*=|url\((?!#)|@import", text)


def test_who_cites_names_the_version_that_is_there() -> None:
    assert f"\nversion: {limner.__version__}\n" in (TOP / "CITATION.cff").read_text(encoding="utf-8")
    assert f"version = {{{limner.__version__}}}" in (TOP / "README.md").read_text(encoding="utf-8")


def test_readme_is_a_screen_with_one_picture_two_commands_and_eight_rows() -> None:
    text = (TOP / "README.md").read_text(encoding="utf-8")
    assert text.count("![") == 1 and text.count("```sh") == 2
    assert len(re.findall(r"^\| (?!---|I want)", text, re.MULTILINE)) == 8
    assert len(text.splitlines()) <= 60


# --- commands and their order ----------------------------------------------------------------------------------------

TAKES = ("seconds", "minutes", "a training")
TRAINS = ("train", "refine", "study")


def commands(text: str) -> Iterator[tuple[list[str], bool]]:
    """The words of each command of a page, and whether it stands in a block, whole; ``...`` says what is left out."""
    joined = text.replace("\\\n", " ")
    blocks = "\n".join(re.findall(r"^```\w*\n(.*?)^```", joined, re.MULTILINE | re.DOTALL))
    lines = [(line, True) for line in re.findall(r"^(?:\$ )?(limner [a-z].*)$", blocks, re.MULTILINE)]
    for line, whole in [*lines, *((line, False) for line in re.findall(r"`(limner [^`]+)`", prose_of(joined)))]:
        if CALL.match(line) and not re.search(r"\.\.\.|[|;<>]|&&", line):
            yield shlex.split(line, comments=True)[1:], whole


@pytest.fixture(scope="module")
def whole_app() -> Any:
    """All verbs with the options of all rooms."""
    return app_with_all_options(app, SHARED)


@pytest.mark.parametrize("path", PAGES, ids=named)
def test_every_command_on_a_page_is_one_that_limner_takes(
    path: Path, whole_app: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Taken: its verb, its arguments and their kinds; the verbs themselves are run by tests/commands/test_cli.py.

    Pages also show what needs an optional package, so Ray counts as installed, be it here or not.
    """
    monkeypatch.setattr(worker_options, "find_spec", lambda name: ModuleSpec(name, None))
    refused = []
    for words, whole in commands(path.read_text(encoding="utf-8")):
        try:
            _, _, unused = whole_app.parse_known_args(words)[:3]
        except MissingArgumentError as error:
            if whole and "--help" not in words:  # prose may speak of a verb with one option
                refused.append((words, str(error).strip()))
        except (CycloptsError, UserError) as error:
            refused.append((words, str(error).strip()))
        else:
            if words[0] not in TRAINS and unused:
                refused.append((words, f"unused: {unused}"))
    assert refused == []


def test_every_job_of_the_list_says_what_it_takes_and_trainings_say_so() -> None:
    rows = re.findall(r"^\| (?!---|I want)(.+) \| (.+) \| (.+) \|$", (DOCS / "commands.md").read_text(), re.MULTILINE)
    assert len(rows) > 50
    for job, command, takes in rows:
        assert takes in TAKES, job
        trains = any(f"limner {verb} " in command and "--help" not in command for verb in TRAINS)
        assert trains <= (takes == "a training"), job
        assert ("limner demo" in command) <= (takes == "minutes"), job


def pages_in(nav: list[Any]) -> Iterator[str]:
    for entry in nav:
        for value in [entry] if isinstance(entry, str) else entry.values():
            yield from [value] if isinstance(value, str) else pages_in(value)


def test_the_sites_order_names_every_page_once_and_begins_with_the_three_roads() -> None:
    nav = tomllib.loads((TOP / "zensical.toml").read_text(encoding="utf-8"))["project"]["nav"]
    assert sorted(pages_in(nav)) == sorted(path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md"))
    assert [title for entry in nav for title in entry][:4] == [
        "Start", "Map places", "Make and change pictures", "Learn and teach",
    ]  # fmt: skip
