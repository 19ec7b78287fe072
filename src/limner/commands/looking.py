"""The verbs that look at networks, of whatever room: inspect."""

import json
from typing import Annotated

from cyclopts import Parameter

from limner.commands.app import Json, Overrides, verb
from limner.commands.words import network_names
from limner.foundation.command_line import GIVEN_BY_COMMAS, INPUT, METHOD


@verb
def inspect(
    network: Annotated[
        str,
        Parameter(
            help="A network (see 'limner networks'), a run, or FILE.py:NAME of your own.",
            completer=network_names,
            group=INPUT,
        ),
    ],
    *settings: Overrides,
    input: Annotated[
        str | None,
        Parameter(
            help="Bands x height x width of a picture, such as 3x224x224 (default: 224x224, or the network's own).",
            group=INPUT,
        ),
    ] = None,
    classes: Annotated[
        int | None, Parameter(help="Classes to tell apart (default: the network's own).", group=METHOD)
    ] = None,
    compare: Annotated[
        tuple[str, ...],
        Parameter(
            **GIVEN_BY_COMMAS,
            help="Count weights and biases as if convolutions shared them otherwise: dense,local,tiled.",
            group=METHOD,
        ),
    ] = (),
    as_json: Json = False,
) -> None:
    """A network's layers with shapes, parameters and multiply-adds, its stages, and how much of a picture each sees."""
    from limner.learning.inspecting import inspect as inspect_network
    from limner.nn.inspection.inspection import checked_sharings

    sharings = checked_sharings(compare)
    found = inspect_network(network, input, classes=classes, overrides=settings)
    print(json.dumps(found.to_json(sharings), indent=2) if as_json else found.to_text(sharings))
