"""Vector files opened: which layer is meant, in which reference system it lies, how its attributes are encoded.

This file imports no torch: `limner check` and `limner score` stay light.
"""

import warnings
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyogrio
from pyogrio.errors import DataLayerError, DataSourceError

from limner.foundation.errors import UserError
from limner.foundation.files.names import spelled
from limner.foundation.files.suffixes import VECTORS, ends_with
from limner.segment.labels.vector_formats import check_vector_file

ENCODINGS = ("UTF-8", None, "CP1252", "ISO-8859-1")
"""How attributes are tried to be read, None as the file says. Hardly any text is UTF-8 by chance; a Shapefile's
``.cpg`` is often lost, or says UTF-8 where an older program wrote on."""
UNDEFINED = "undefined"  # how a GeoPackage calls its reference systems -1 and 0: it knows none
ANY_GEOMETRY = ("unknown", "collection")
EVERY = {".gpkg": "1 = 1"}
"""A condition that all features meet, by which they are counted: a GeoPackage keeps their number, which a program that
writes by SQL may leave behind, and what is beyond it would not be read."""


class Column(NamedTuple):
    """A field of all features. texts: None where one says nothing. guessed: the encoding that the file does not say."""

    texts: tuple[str | None, ...]
    guessed: str | None


class VectorLayer(NamedTuple):
    """A layer of a vector file, described.

    crs: as text, or None. encoding: in which its fields' names can be read, None for the one that the file says.
    declared: whether the file says one. others: names of the layers that were not meant.
    """

    path: Path
    name: str
    crs: str | None
    fields: tuple[str, ...]
    features: int
    encoding: str | None
    declared: bool
    others: tuple[str, ...]

    def check_field(self, field: str | None) -> None:
        """Raise `UserError` where there is no such field; a layer without any feature may lack it."""
        if field is not None and self.features and field not in self.fields:
            raise UserError(
                f"{self.path}: has no field '{field}' to tell the class; its fields are "
                f"{', '.join(self.fields) or 'none'}"
            )

    def column(self, field: str) -> "Column":
        """What each feature says in a field, in the first encoding in which all can be read."""
        if not self.features:
            return Column((), None)
        for encoding in ENCODINGS if self.encoding == "UTF-8" else (self.encoding,):
            try:
                with reading(self.path):
                    _, _, _, (values,) = pyogrio.raw.read(
                        spelled(self.path, as_address=True),
                        layer=self.name,
                        columns=[field],
                        read_geometry=False,
                        encoding=encoding,
                        where=EVERY.get(self.path.suffix.lower()),
                    )
            except UnicodeDecodeError:
                continue
            said = encoding is None and self.declared
            return Column(
                tuple(map(as_text, values)), None if said or encoding == "UTF-8" else encoding or "ISO-8859-1"
            )
        raise UserError(f"{self.path}: its attributes are in no encoding that is known; save it with UTF-8 attributes")

    def texts(self, field: str) -> dict[str, int]:
        """How many features have each text in a field; those without any are left out."""
        self.check_field(field)
        return dict(Counter(text for text in self.column(field).texts if text is not None))

    def geometries(self) -> np.ndarray:
        """Each feature's geometry as WKB, (n,) object; None for none."""
        with reading(self.path):
            _, _, geometries, _ = pyogrio.raw.read(
                spelled(self.path, as_address=True),
                layer=self.name,
                columns=[],
                force_2d=True,
                encoding=self.encoding,
                where=EVERY.get(self.path.suffix.lower()),
            )
        return np.array([], object) if geometries is None else np.asarray(geometries)


class Layers(NamedTuple):
    """Which layers of vector files are read: of labels, and of the annotated ground; None for the only one."""

    labels: str | None = None
    within: str | None = None

    def open(self, path: Path, of_ground: bool) -> VectorLayer:
        """The layer of a file of labels, or ``of_ground`` that is annotated; see `open_layer`."""
        if of_ground:
            return open_layer(path, self.within, option="--within-layer")
        return open_layer(path, self.labels)


NO_LAYERS = Layers()
"""The only one of each file."""


def is_vector(path: Path) -> bool:
    """Whether the file holds polygons rather than pixels, by its suffix."""
    return ends_with(path, VECTORS)


def open_layer(path: Path, layer: str | None = None, *, option: str = "--layer") -> VectorLayer:
    """The layer of a vector file that is meant: the one called ``layer``, else the only one that can hold polygons.

    No geometry is read. option: what a user says which with.

    Raises `UserError` for a file that cannot be read, a layer that is not there, several that may be meant, and one
    with features but without a reference system.
    """
    if not path.exists():
        raise UserError(f"{path}: no such file")
    check_vector_file(path)
    described = _described(path, layer, option, _state(path))
    if described.crs is None and described.features:
        raise UserError(f"{path}: has no coordinate reference system; set one (in QGIS: Export, Save Features As)")
    return described


def as_text(value: Any) -> str | None:
    """A field's value as a text without blanks around it: whole numbers without a point. None where it is empty."""
    if value is None or value != value:
        return None
    if isinstance(value, float | np.floating) and value == int(value):
        return str(int(value))
    return str(value).strip() or None


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turn what pyogrio raises on a broken file into a `UserError`; what it warns of is told elsewhere."""
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", category=RuntimeWarning)
            yield
    except (DataSourceError, DataLayerError) as error:
        reason = str(error).splitlines()[0].removesuffix(".")[:160]
        raise UserError(f"{path}: not a vector file that can be read ({reason})") from None


def _state(path: Path) -> tuple[tuple[str, int, int], ...]:
    """Names, sizes and times of change of the file and, of a Shapefile, of all its parts."""
    parts = path.parent.glob(f"{path.stem}.*") if path.suffix.lower() == ".shp" else [path]
    stats = [(part.name, part.stat()) for part in sorted(parts)]
    return tuple((name, stat.st_size, stat.st_mtime_ns) for name, stat in stats)


@lru_cache(maxsize=256)
def _described(path: Path, layer: str | None, option: str, state: tuple[tuple[str, int, int], ...]) -> VectorLayer:
    """See `open_layer`. state: of its files, so that those that changed are looked at again."""
    with reading(path):
        name, others = _chosen(path, layer, option)
        info, encoding = _info(path, name)
        features = _counted(path, name, encoding) if EVERY.get(path.suffix.lower()) else int(info["features"])
    declared = path.suffix.lower() != ".shp" or any(part.lower().endswith(".cpg") for part, *_ in state)
    crs = info["crs"]
    return VectorLayer(
        path=path,
        name=name,
        crs=None if crs is None or _is_undefined(crs) else crs,
        fields=tuple(info["fields"]),
        features=max(0, features),
        encoding=encoding,
        declared=declared,
        others=others,
    )


def _chosen(path: Path, wanted: str | None, option: str) -> tuple[str, tuple[str, ...]]:
    """The name of the layer that is meant, and those of the others that hold geometries."""
    layers = {str(name): kind for name, kind in pyogrio.list_layers(spelled(path, as_address=True))}
    if wanted is not None:
        if wanted not in layers:
            raise UserError(f"{path}: has no layer '{wanted}' ({option}); its layers are {', '.join(layers) or 'none'}")
        return wanted, ()
    spatial = {name: str(kind).lower() for name, kind in layers.items() if kind is not None}
    polygons = [name for name, kind in spatial.items() if _may_hold(kind, "polygon", "surface", *ANY_GEOMETRY)]
    candidates = polygons or [name for name, kind in spatial.items() if _may_hold(kind, "line", "curve")]
    candidates = candidates or list(spatial) or list(layers)
    if not candidates:
        raise UserError(f"{path}: holds no layer; labels are polygons")
    if len(candidates) > 1:
        raise UserError(f"{path}: has several layers ({', '.join(candidates)}); say which with {option} NAME")
    return candidates[0], tuple(name for name in spatial if name != candidates[0])


def _may_hold(kind: str, *words: str) -> bool:
    return any(word in kind for word in words)


def _info(path: Path, layer: str) -> tuple[dict[str, Any], str | None]:
    """What pyogrio tells of a layer, and the first encoding in which its fields' names can be read."""
    for encoding in ENCODINGS:
        try:
            return pyogrio.read_info(
                spelled(path, as_address=True), layer=layer, encoding=encoding, force_feature_count=True
            ), encoding
        except UnicodeDecodeError:
            continue
    raise UserError(f"{path}: its attributes are in no encoding that is known; save it with UTF-8 attributes")


def _counted(path: Path, layer: str, encoding: str | None) -> int:
    """How many features a layer holds, told by reading."""
    _, numbers, _, _ = pyogrio.raw.read(
        spelled(path, as_address=True),
        layer=layer,
        columns=[],
        read_geometry=False,
        return_fids=True,
        encoding=encoding,
        where=EVERY.get(path.suffix.lower()),
    )
    return len(numbers)


def _is_undefined(crs: str) -> bool:
    """Whether a reference system is one by name only: a GeoPackage's -1 and 0."""
    _, _, rest = crs.partition('"')
    return rest.lower().startswith(UNDEFINED)
