"""Maps made by `limner.segment.mapping.map.map_scene`, with its options as keywords."""

from dataclasses import fields
from pathlib import Path
from typing import Any

from limner.segment.mapping import map as mapping
from limner.segment.mapping.options import MapOptions
from limner.segment.mapping.record import SceneMap

NAMES = {field.name for field in fields(MapOptions)}


def map_scene(predictor: Any, scene: Path | str, out: Path | str, **settings: Any) -> SceneMap:
    """settings: fields of `MapOptions`, or what `map_scene` takes beside them."""
    options = MapOptions(**{name: value for name, value in settings.items() if name in NAMES})
    more = {name: value for name, value in settings.items() if name not in NAMES}
    return mapping.map_scene(predictor, scene, out, options, **more)
