"""How a user's folders are to be read: what `check`, `train`, `evaluate` and `score` take as options,
by one set of names.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from limner.foundation.command_line import GIVEN_BY_COMMAS, INPUT, split_names
from limner.foundation.errors import UserError
from limner.foundation.files.suffixes import YAMLS, ends_with
from limner.scenes.bands import parse_bands

if TYPE_CHECKING:
    from limner.segment.labels.vector_files import Layers

MASKS_FOLDER, IMAGES_FOLDER = "masks", "images"
CLASS_FILE = "classes.yaml"


def _split_numbers(_: Any, tokens: Sequence[Any]) -> tuple[int, ...] | None:
    return parse_bands([token.value for token in tokens])


def _list(help: str) -> Parameter:
    return Parameter(help=help, **GIVEN_BY_COMMAS)


@Parameter(name="*", group=INPUT)
@dataclass(frozen=True)
class Reading:
    """How pictures and labels below some paths are read. None everywhere: by what the folders hold.

    Field by field the settings of the same names in a recipe's ``data``
    (`limner.segment.training.recipe.DataSettings`).
    """

    labels: Annotated[
        Path | None, Parameter(help="Labels of the scene or of all pictures: a mask or a vector file.")
    ] = None
    within: Annotated[
        Path | None, Parameter(help="Vector file of the annotated ground; beyond it nothing is known.")
    ] = None
    masks: Annotated[str | None, Parameter(help="Name of the folders of masks (default: masks).")] = None
    group: Annotated[
        str | None,
        Parameter(help="Areas by a regular expression on the pictures' names, or 'ground': what overlaps is one area."),
    ] = None
    mosaic: Annotated[bool | None, Parameter(negative=(), help="Join the georeferenced chips of each area.")] = None
    classes: Annotated[
        tuple[str, ...] | None, _list("Class names from class 0, or a classes.yaml that tells what labels mean.")
    ] = None
    target: Annotated[str | None, Parameter(help="One class against all others; names the object of 0/255 masks.")] = (
        None
    )
    label_field: Annotated[str | None, Parameter(help="Field of the vector files that tells the class.")] = None
    layer: Annotated[str | None, Parameter(help="Layer of the labels' vector files that have several.")] = None
    within_layer: Annotated[str | None, Parameter(help="Layer of --within, if it has several.")] = None
    bands: Annotated[
        tuple[int, ...] | None,
        Parameter(
            help="Bands to read, from 1, in this order, such as 3,2,1.",
            converter=_split_numbers,
            n_tokens=1,
            negative=(),
        ),
    ] = None
    to_ground_m: Annotated[
        float | None, Parameter(help="Bring all pictures to this many meters a pixel on the ground.")
    ] = None
    areas: Annotated[tuple[str, ...] | None, _list("Areas to read, by name; none: all. * stands for any text.")] = None
    leave_out: Annotated[tuple[str, ...] | None, _list("Areas to leave out, by name.")] = None

    def __post_init__(self) -> None:
        for name in ("labels", "within"):
            if (path := getattr(self, name)) is not None:
                object.__setattr__(self, name, Path(path))
        for name in ("classes", "areas", "leave_out"):
            if isinstance(text := getattr(self, name), str):
                object.__setattr__(self, name, split_names(text))
        object.__setattr__(self, "bands", parse_bands(self.bands))
        if self.to_ground_m is not None and not 0 < self.to_ground_m < float("inf"):
            raise UserError(f"--to-ground-m is {self.to_ground_m:g}; needed: meters a pixel covers, above 0")

    @property
    def masks_folder(self) -> str:
        """The name of the folders of masks."""
        return self.masks or MASKS_FOLDER

    @property
    def layers(self) -> "Layers":
        """Which layers of vector files are read."""
        from limner.segment.labels.vector_files import Layers  # opens files by pyogrio, which --help shall not load

        return Layers(self.layer, self.within_layer)

    @property
    def class_file(self) -> Path | None:
        """The file that ``classes`` names, if it names one."""
        if self.classes and len(self.classes) == 1 and ends_with(Path(self.classes[0]), YAMLS):
            return Path(self.classes[0])
        return None

    @property
    def class_names(self) -> tuple[str, ...] | None:
        """The names that ``classes`` lists, if it lists some."""
        return self.classes if self.classes and self.class_file is None else None

    def given(self) -> dict[str, Any]:
        """What is not None, by its name, paths absolute: they are kept in recipes."""
        found = {item.name: value for item in fields(self) if (value := getattr(self, item.name)) is not None}
        if self.class_file is not None:
            found["classes"] = (str(self.class_file.resolve()),)
        for name in ("labels", "within"):
            if name in found:
                found[name] = found[name].resolve()
        return found

    @classmethod
    def of(cls, settings: Any) -> "Reading":
        """What an object with fields of these names says; empty ones are None."""
        return cls(**{item.name: getattr(settings, item.name) or None for item in fields(cls)})


AS_FOUND = Reading()
"""By what the folders hold."""
