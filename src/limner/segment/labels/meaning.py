"""What the labels of a data set mean: as its ``classes.yaml`` says, as a field of its polygons does, or as its masks
look.

This file imports no torch: `limner check` stays light.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from limner.foundation.errors import UserError
from limner.segment.labels.class_file import read_class_file
from limner.segment.labels.forms import BACKGROUND, LabelForm, check_255, decide_form, looks_binary, names_of
from limner.segment.labels.masks import MaskContent
from limner.segment.labels.reading import CLASS_FILE, Reading


def explanation(paths: Sequence[Path], reading: Reading) -> LabelForm | None:
    """What a ``classes.yaml`` says of the labels: the one given, else the one that lies in a path or beside it.

    Raises `UserError` for one that cannot be read, and where the paths have several.
    """
    if reading.classes is not None:
        return None if reading.class_file is None else read_class_file(reading.class_file)
    found: dict[Path, None] = {}
    for path in paths:
        here = [
            folder / CLASS_FILE for folder in (path.resolve(), path.resolve().parent) if (folder / CLASS_FILE).is_file()
        ]
        found.update({file.resolve(): None for file in here[:1]})
    if len(found) > 1:
        raise UserError(f"several class files ({', '.join(map(str, found))}); say which one with --classes FILE")
    return read_class_file(next(iter(found))) if found else None


def find_form(
    explained: LabelForm | None,
    contents: Mapping[Path, MaskContent],
    vectors: Sequence[Path],
    reading: Reading,
    wanted: Sequence[str] | None = None,
) -> LabelForm:
    """The form of a data set's labels.

    Args:
        explained: what a ``classes.yaml`` says.
        contents: what each mask file holds.
        vectors: the files of polygons.
        wanted: the classes of a network that the labels are brought to; None: the labels' own.

    Raises:
        UserError: for a number, color or text that means no class, and for classes that do not meet the wanted ones.
    """
    field = reading.label_field
    texts = {} if field is None else {text: vector for vector in vectors for text in _texts(vector, reading, field)}
    if explained is not None:
        form = explained
        if looks_binary(contents):  # of small chips each may hold one of both alone
            check_255(form, next(iter(contents)))
    elif texts and not contents:
        names = reading.class_names or (BACKGROUND, *sorted(set(texts) - {BACKGROUND}))
        form = LabelForm(names, attributes=tuple((name, number) for number, name in enumerate(names)))
    else:
        borrowed = None if reading.class_names or reading.target else wanted
        _check_borrowed(borrowed, contents)
        form = decide_form(contents, reading.class_names or borrowed)
    _check_texts(form, texts, field)
    if vectors and field is None and len(form.class_names) > 2 and not reading.target:
        raise UserError(
            f"{vectors[0]}: which of {len(form.class_names)} classes its polygons are is not said; name the field that "
            "tells with --label-field"
        )
    form = form.against(reading.target) if reading.target else form
    return form if wanted is None else form.for_classes(wanted)


def _texts(vector: Path, reading: Reading, field: str) -> dict[str, int]:
    return reading.layers.open(vector, of_ground=False).texts(field)


def _check_borrowed(names: Sequence[str] | None, contents: Mapping[Path, MaskContent]) -> None:
    """Raise `UserError` for masks of 0 and 255 that nothing but the names of a network of many classes would explain.

    0 would be the first of them and 255 ignored, where they most likely mean background and object. Names that were
    made up, class 0 and so on, come from masks of class numbers.
    """
    if names is None or len(names) == 2 or tuple(names) == names_of(len(names)) or not looks_binary(contents):
        return
    raise UserError(
        f"{next(iter(contents))}: holds 0 and 255, but the network's classes are {', '.join(names)}; say in a "
        f"classes.yaml what 255 means, or that it is ignored with --classes {','.join(names)}"
    )


def _check_texts(form: LabelForm, texts: Mapping[str, Path], field: str | None) -> None:
    """Raise `UserError` for a text of the polygons' field that means no class."""
    known = dict(form.attributes)
    for text, vector in texts.items():
        if text not in known:
            raise UserError(
                f"{vector}: the field {field} says '{text}', which means no class (there are "
                f"{', '.join(form.class_names)}); add it to a class, or to 'ignore', in a classes.yaml"
            )
