"""The options of networks and the like are known before they are imported."""

import dataclasses
import subprocess
import sys

import pytest

from limner.learning.library import recipe_type
from limner.learning.recipes.recipe import options_of
from limner.learning.recipes.unimported import parameters_of
from limner.learning.rooms import ROOMS

TASKS = [task for room in ROOMS.values() for task in room.tasks]


@pytest.mark.parametrize("task", TASKS)
def test_every_option_of_every_choice_is_known_from_the_files(task: str) -> None:
    choices = [item for item in dataclasses.fields(recipe_type(task) or object) if item.metadata.get("place")]
    for item in choices:
        known = parameters_of(item.metadata["place"])
        for name, entry in item.metadata["entries"]().items():
            assert set(options_of(entry, item.metadata["given"])) <= known, f"{item.name} {name}"


def test_no_room_is_imported_for_it_and_what_is_no_entry_is_not_taken_for_one() -> None:
    code = (
        "import sys; from limner.learning.recipes.unimported import parameters_of as p; "
        "found = p('limner.segment.networks:NETWORKS'); print('width' in found, 'epoch' in found, "
        "'torch' in sys.modules, p('limner.gone:NETWORKS'), p('gone:NETWORKS'))"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60).stdout
    assert told.split() == ["True", "False", "False", "set()", "set()"]
