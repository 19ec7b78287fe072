"""limner teaches convolutional networks to see pictures and to make them.

The functions below are the command line's verbs; what they give has the same names as the files and tables there.

>>> import limner
>>> limner.train("segment/modern", data="towns", epochs=10, out="runs/towns")  # doctest: +SKIP
>>> limner.map_scenes("runs/towns", "scene.tif", "maps", normalize="scene")  # doctest: +SKIP
>>> limner.train("generate/best", data="cars", out="runs/cars")  # doctest: +SKIP
>>> limner.load("runs/cars").generate(16)  # doctest: +SKIP
>>> limner.recolor_files("photo.jpg", "look.jpg")  # doctest: +SKIP

Importing limner is quick: torch and all else come with the first function that is used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from limner.foundation.errors import UserError
from limner.foundation.machine.offline import keep_offline
from limner.foundation.version import __version__

if TYPE_CHECKING:
    from limner import generate, recolor, segment
    from limner.datasets.world.drawing import draw_world
    from limner.generate.cutouts.verb import cut_out
    from limner.generate.media.captions.verb import caption_clips
    from limner.generate.media.verbs import generate_media as generate_pictures
    from limner.generate.scoring.fid import fid
    from limner.learning.networks.inspecting import inspect
    from limner.learning.networks.looking import look
    from limner.learning.runs.export.export import export
    from limner.learning.runs.export.hub import push
    from limner.learning.runs.opening import open_run
    from limner.learning.study import study
    from limner.recolor.methods.methods import transfer_color
    from limner.recolor.recoloring.recolor import recolor_files
    from limner.segment.mapping.many import map_many
    from limner.segment.mapping.map_scenes import map_change, map_scenes
    from limner.segment.refining.refine import refine
    from limner.segment.scoring.score import score_files as score
    from limner.signatures import check, compare, evaluate, load, train  # with every option by its name
    from limner.translate.degrading.verb import degrade_pictures
    from limner.translate.translating.translate import translate_pictures

keep_offline()

__all__ = [
    "UserError",
    "__version__",
    "caption_clips",
    "check",
    "compare",
    "cut_out",
    "degrade_pictures",
    "draw_world",
    "evaluate",
    "export",
    "fid",
    "generate",
    "generate_pictures",
    "inspect",
    "load",
    "look",
    "map_change",
    "map_many",
    "map_scenes",
    "open_run",
    "push",
    "recolor",
    "recolor_files",
    "refine",
    "score",
    "segment",
    "study",
    "train",
    "transfer_color",
    "translate_pictures",
]

_PLACES = {
    "caption_clips": "limner.generate.media.captions.verb:caption_clips",
    "check": "limner.learning.verbs:check",
    "compare": "limner.learning.verbs:compare",
    "cut_out": "limner.generate.cutouts.verb:cut_out",
    "degrade_pictures": "limner.translate.degrading.verb:degrade_pictures",
    "export": "limner.learning.runs.export.export:export",
    "push": "limner.learning.runs.export.hub:push",
    "draw_world": "limner.datasets.world.drawing:draw_world",
    "evaluate": "limner.learning.verbs:evaluate",
    "fid": "limner.generate.scoring.fid:fid",
    "generate_pictures": "limner.generate.media.verbs:generate_media",
    "inspect": "limner.learning.networks.inspecting:inspect",
    "load": "limner.learning.train:load",
    "look": "limner.learning.networks.looking:look",
    "map_change": "limner.segment.mapping.map_scenes:map_change",
    "map_many": "limner.segment.mapping.many:map_many",
    "map_scenes": "limner.segment.mapping.map_scenes:map_scenes",
    "open_run": "limner.learning.runs.opening:open_run",
    "study": "limner.learning.study:study",
    "recolor_files": "limner.recolor.recoloring.recolor:recolor_files",
    "refine": "limner.segment.refining.refine:refine",
    "score": "limner.segment.scoring.score:score_files",
    "train": "limner.learning.train:train",
    "transfer_color": "limner.recolor.methods.methods:transfer_color",
    "translate_pictures": "limner.translate.translating.translate:translate_pictures",
}
_ROOMS = ("generate", "recolor", "segment")

if not TYPE_CHECKING:  # a type checker sees the imports above, and still misses what is not there

    def __getattr__(name: str) -> Any:
        if name in _ROOMS:
            return import_module(f"limner.{name}")
        if name not in _PLACES:
            raise AttributeError(f"limner has no {name!r}; it has {', '.join(__all__)}")
        module, _, attribute = _PLACES[name].partition(":")
        globals()[name] = getattr(import_module(module), attribute)  # found at once from now on
        return globals()[name]


def __dir__() -> list[str]:
    return sorted(__all__)
