"""The verb draw: the drawn world as files."""

import json
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from limner.commands.app import Json, Overwrite, verb
from limner.datasets.world.options import WorldOptions
from limner.foundation.command_line import INPUT, METHOD, OUTPUT
from limner.foundation.progress import say

NOTHING = WorldOptions()


@verb
def draw(
    what: Annotated[Literal["world"], Parameter(help="What to draw: the world of colored solids.", group=INPUT)],
    *,
    options: Annotated[WorldOptions, Parameter(name="*", group=METHOD)] = NOTHING,
    out: Annotated[Path, Parameter(help="The folder of all that is drawn.", group=OUTPUT)] = Path("world"),
    overwrite: Overwrite = False,
    as_json: Json = False,
) -> None:
    """A drawn world to learn from: solids as pictures, clips, voxels and views, with sentences and the truth."""
    options.check_something()
    from limner.datasets.world.drawing import draw_world

    made = draw_world(options, out=out, overwrite=overwrite)
    told = ", ".join(f"{count:,} {name}" for name, count in made.numbers.items())
    say(f"{told}{' were drawn before' if made.skipped else ''}")
    print(json.dumps({"folder": str(made.path), **made.numbers}) if as_json else made.path)
