"""The table of rooms: what each does for the verbs that all rooms share, which know no room by name.

Everything that a room gives is named as module:name, so that looking at the table imports no room, and no torch. A new
room is a folder and an entry; from outside limner, an entry is enough::

    from limner.learning.rooms import ROOMS, Room, Verb

    ROOMS["mine"] = Room("what it does", tasks={"mine": "my_package.task:MyTask"}, evaluate=Verb("my_package:score"))
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, Literal

from limner.foundation.errors import UserError
from limner.foundation.nearest import did_you_mean

SharedVerb = Literal["train", "evaluate", "compare", "networks", "check"]


@dataclass(frozen=True)
class Verb:
    """What a room does for a verb. Both as module:name.

    options: a frozen dataclass of what the verb takes in this room beside what it takes in all; its fields are options
    of the command line and keywords in Python. Without one, it takes nothing more.
    """

    function: str = ""
    options: str = ""

    def options_type(self) -> type | None:
        """The dataclass that ``options`` names."""
        found: type | None = named(self.options) if self.options else None
        return found

    def __call__(self, *arguments: Any, **more: Any) -> Any:
        """Call the function."""
        return named(self.function)(*arguments, **more)


@dataclass(frozen=True)
class Demo:
    """A story that ``limner demo`` runs."""

    function: str
    """As module:name."""
    line: str
    """What it shows, and how long that takes."""


@dataclass(frozen=True)
class Room:
    """What a room does for the shared verbs; None: nothing.

    The functions, in terms of `limner.learning`: with ``options`` an instance of the verb's dataclass, or None where it
    names none,

    - train: has no function, for the loop trains every `Task`; its options go to `Task.with_data`
    - evaluate: ``(run: Run, options, *, data: Sequence[Path], device: str)`` -> what has ``to_json()`` and
      ``to_markdown()``
    - compare: ``(items: Sequence[Compared], options, *, device: str)`` -> what has these, ``write(path)``,
      and ``measured()``: of each row by its name, the scores by `limner.learning.seed_table.Measure`
    - networks: ``(options)`` -> `NetworkRow`s
    - check: ``(data: Sequence[Path], options, *, sheet: Path | None)`` -> what has ``to_json()``, ``to_text()``,
      ``usable``
    - demos: ``(folder: Path, *, quick: bool)`` -> the path of the report
    """

    line: str
    """What it does, in a few words."""
    tasks: Mapping[str, str] = field(default_factory=dict)
    """Its classes of `Task` as module:name, by what a recipe's ``task:`` says."""
    recipes: Mapping[str, str] = field(default_factory=dict)
    """The dataclasses of its recipes as module:name, by task, where they are known without torch; else the task's."""
    train: Verb = Verb()
    evaluate: Verb | None = None
    compare: Verb | None = None
    networks: Verb | None = None
    builds: str = ""
    """Its dictionary of networks that take pictures, as module:name: what a name stands for is called with
    ``channels``, ``classes`` and the options of that network (`limner.learning.networks.known`)."""
    check: Verb | None = None
    demos: Mapping[str, Demo] = field(default_factory=dict)
    """Its stories by name: one of its own name, and others."""
    exports: str = ""
    """What makes a `limner.learning.runs.export.exportable.Exportable` of a run, as module:name."""
    files: tuple[str, ...] = ()
    """What a run of it holds beside `limner.learning.runs.run.RUN_FILES`."""
    compares_folders: bool = False
    """Whether ``compare`` takes folders of pictures, which no run made, beside runs."""
    begin_with: tuple[str, ...] = ()
    """The bundled recipes that a newcomer should try first."""


ROOMS: dict[str, Room] = {
    "segment": Room(
        "maps of scenes",
        tasks={"segment": "limner.segment.training.task:SegmentTask"},
        recipes={"segment": "limner.segment.training.recipe:SegmentRecipe"},
        train=Verb(options="limner.segment.labels.reading:Reading"),
        evaluate=Verb("limner.segment.scoring.evaluate:evaluate_run", "limner.segment.scoring.options:EvaluateOptions"),
        compare=Verb("limner.segment.scoring.comparison:compare_runs", "limner.segment.scoring.options:CompareOptions"),
        networks=Verb("limner.segment.networks.listing:list_networks", "limner.learning.networks.listing:NetworkSizes"),
        builds="limner.segment.networks:NETWORKS",
        exports="limner.segment.predicting.exported:exportable",
        check=Verb("limner.segment.data.check:check", "limner.segment.labels.reading:Reading"),
        demos={
            "segment": Demo("limner.segment.demo.acts:run_demo", "learn, map, refine; about 8 minutes on two cores")
        },
        files=("annotated.tif", "annotated-before", "colors.safetensors"),
        begin_with=("segment/modern", "segment/demo"),
    ),
    "recolor": Room(
        "colors of one picture given to another",
        tasks={"recolor-analogy": "limner.recolor.training.task:AnalogyTask"},
        recipes={"recolor-analogy": "limner.recolor.training.recipe:AnalogyRecipe"},
        evaluate=Verb("limner.recolor.training.verbs:evaluate_run"),
        compare=Verb("limner.recolor.training.verbs:compare_runs"),
        demos={
            "recolor": Demo(
                "limner.recolor.demo:run_demo", "photos in the colors of others, a scene harmonized; under a minute"
            )
        },
    ),
    "generate": Room(
        "new pictures like those of a folder",
        tasks={
            "generate": "limner.generate.training.task:GenerateTask",
            "generate-text": "limner.generate.media.text.task:TextTask",
            "generate-voxels": "limner.generate.media.voxels.task:VoxelTask",
            "generate-music": "limner.generate.media.music.task:MusicTask",
            "generate-clips": "limner.generate.media.clips.task:ClipTask",
            "generate-captions": "limner.generate.media.captions.task:CaptionTask",
        },
        recipes={
            "generate": "limner.generate.training.recipe:GenerateRecipe",
            "generate-text": "limner.generate.media.text.recipe:TextRecipe",
            "generate-voxels": "limner.generate.media.voxels.recipe:VoxelRecipe",
            "generate-music": "limner.generate.media.music.recipe:MusicRecipe",
            "generate-clips": "limner.generate.media.clips.recipe:ClipRecipe",
            "generate-captions": "limner.generate.media.captions.recipe:CaptionRecipe",
        },
        evaluate=Verb("limner.generate.media.verbs:evaluate_run", "limner.generate.scoring.options:EvaluateOptions"),
        compare=Verb("limner.generate.media.verbs:compare_runs", "limner.generate.scoring.options:CompareOptions"),
        networks=Verb("limner.generate.media.listing:list_networks", "limner.learning.networks.listing:NetworkSizes"),
        exports="limner.generate.making.exported:exportable",
        demos={
            "generate": Demo("limner.generate.demo:run_demo", "cut out, learn, make; about a minute"),
            "media": Demo(
                "limner.generate.media.demo:run_demo",
                "pictures of sentences and sentences of clips, in a drawn world; under three minutes",
            ),
        },
        compares_folders=True,
        begin_with=("generate/best", "generate/tiny"),
    ),
    "classify": Room(
        "what a picture shows, and where that is seen",
        tasks={"classify": "limner.classify.training.task:ClassifyTask"},
        evaluate=Verb(
            "limner.classify.scoring.evaluate:evaluate_run", "limner.classify.scoring.options:EvaluateOptions"
        ),
        compare=Verb(
            "limner.classify.scoring.comparison:compare_runs", "limner.classify.scoring.options:CompareOptions"
        ),
        builds="limner.classify.networks:NETWORKS",
        exports="limner.classify.predicting.exported:exportable",
        demos={
            "classify": Demo("limner.classify.demo:run_demo", "digits learned, told apart, and why; under a minute")
        },
        check=Verb("limner.classify.data.check:check", "limner.classify.data.options:CheckOptions"),
        networks=Verb(
            "limner.classify.networks.listing:list_networks", "limner.learning.networks.listing:NetworkSizes"
        ),
        begin_with=("classify/tune", "classify/lenet-digits"),
    ),
    "translate": Room(
        "pictures into other pictures",
        tasks={
            "translate-pairs": "limner.translate.training.pairs.task:PairTask",
            "translate-unpaired": "limner.translate.training.domains.cycle:CycleTask",
            "translate-domains": "limner.translate.training.domains.star:StarTask",
            "translate-transfer": "limner.translate.training.domains.transfer:TransferTask",
            "translate-attributes": "limner.translate.training.attributes.task:AttributeTask",
        },
        recipes={
            "translate-pairs": "limner.translate.training.pairs.recipe:PairRecipe",
            "translate-unpaired": "limner.translate.training.domains.recipe:UnpairedRecipe",
            "translate-domains": "limner.translate.training.domains.recipe:StarRecipe",
            "translate-transfer": "limner.translate.training.domains.recipe:TransferRecipe",
            "translate-attributes": "limner.translate.training.attributes.recipe:AttributeRecipe",
        },
        evaluate=Verb(
            "limner.translate.scoring.evaluate:evaluate_run", "limner.translate.scoring.options:EvaluateOptions"
        ),
        compare=Verb("limner.translate.scoring.comparison:compare_runs"),
        check=Verb("limner.translate.data.checks.check:check", "limner.translate.data.options:PairCheckOptions"),
        networks=Verb(
            "limner.translate.networks.listing:list_networks", "limner.learning.networks.listing:NetworkSizes"
        ),
        exports="limner.translate.translating.exported:exportable",
        demos={
            "translate": Demo(
                "limner.translate.demo:run_demo", "enlarge, fill, aerial pictures of masks; about two minutes"
            )
        },
        begin_with=("translate/upscale", "translate/pairs"),
    ),
    "detect": Room(
        "objects in pictures, as boxes and outlines",
        tasks={"detect": "limner.detect.training.task:DetectTask"},
        exports="limner.detect.predicting.exported:exportable",
        train=Verb(options="limner.detect.data.options:ObjectReading"),
        evaluate=Verb("limner.detect.scoring.evaluate:evaluate_run", "limner.detect.scoring.options:EvaluateOptions"),
        compare=Verb("limner.detect.scoring.comparison:compare_runs", "limner.detect.scoring.options:CompareOptions"),
        check=Verb("limner.detect.data.check:check", "limner.detect.data.options:ObjectReading"),
        networks=Verb("limner.detect.networks.listing:list_networks", "limner.learning.networks.listing:NetworkSizes"),
        builds="limner.detect.networks:NETWORKS",
        demos={
            "detect": Demo(
                "limner.detect.demo:run_demo", "buildings outlined one by one, as polygons; about two minutes"
            )
        },
        begin_with=("detect/faster-rcnn-light", "detect/mask-rcnn-light"),
    ),
}


def named(place: str) -> Any:
    """What stands at ``module:name``."""
    module, _, attribute = place.partition(":")
    return getattr(import_module(module), attribute)


def room_called(name: str) -> Room:
    """The room of a name. Raises `UserError` for another, with the nearest."""
    if name not in ROOMS:
        raise UserError(f"no room '{name}'; {did_you_mean(name, ROOMS)}")
    return ROOMS[name]


def rooms_with(verb: SharedVerb) -> dict[str, Room]:
    """The rooms that do something for a verb, by name."""
    return {name: room for name, room in ROOMS.items() if (room.tasks if verb == "train" else getattr(room, verb))}


def verb_of(room: str, verb: SharedVerb) -> Verb:
    """What a room does for a verb. Raises `UserError` where that is nothing."""
    found: Verb | None = getattr(room_called(room), verb)
    if found is None or room not in rooms_with(verb):
        raise UserError(f"the room {room} has no limner {verb}; rooms that have: {', '.join(rooms_with(verb))}")
    return found


def demos() -> dict[str, Demo]:
    """What ``limner demo`` can run, by name."""
    return {name: demo for room in ROOMS.values() for name, demo in room.demos.items()}


def demo_called(name: str) -> Demo:
    """The demo of a name. Raises `UserError` for another, with the nearest."""
    if name not in demos():
        raise UserError(f"no demo '{name}'; {did_you_mean(name, demos())}")
    return demos()[name]


def room_of_task(task: str) -> str:
    """The name of the room that a task belongs to. Raises `UserError` for a task of none."""
    for name, room in ROOMS.items():
        if task in room.tasks:
            return name
    raise UserError(f"unknown task '{task}'; {did_you_mean(task, _tasks())}; a newer limner may know it")


def knows_task(task: str) -> bool:
    """Whether a task belongs to a room."""
    return task in _tasks()


def all_run_files() -> Iterator[str]:
    """What rooms write into runs beside what all write."""
    for room in ROOMS.values():
        yield from room.files


def _tasks() -> list[str]:
    return [task for room in ROOMS.values() for task in room.tasks]
