"""The verbs that look at networks, of whatever room: inspect, look."""

import json
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from limner.commands.app import Json, Overrides, Overwrite, verb
from limner.commands.words import network_names
from limner.foundation.command_line import GIVEN_BY_COMMAS, INPUT, METHOD, OUTPUT
from limner.foundation.files.writing import must_exist


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
    from limner.learning.networks.inspecting import inspect as inspect_network
    from limner.nn.inspection.inspection import checked_sharings

    sharings = checked_sharings(compare)
    found = inspect_network(network, input, classes=classes, overrides=settings)
    print(json.dumps(found.to_json(sharings), indent=2) if as_json else found.to_text(sharings))


@verb
def look(
    network: Annotated[
        str,
        Parameter(
            help="A run, a network (see 'limner networks'), or FILE.py:NAME of your own.",
            completer=network_names,
            group=INPUT,
        ),
    ],
    picture: Annotated[Path, Parameter(help="The picture to look at with it.", group=INPUT)],
    *settings: Overrides,
    input: Annotated[
        str | None,
        Parameter(
            help="Bands x height x width that the network reads (default: its run's, or the picture's).", group=INPUT
        ),
    ] = None,
    classes: Annotated[
        int | None, Parameter(help="Classes to tell apart, for a network without a run.", group=METHOD)
    ] = None,
    index: Annotated[
        int | None,
        Parameter(help="Which picture of an idx file, as of MNIST, from 0 (default: the first).", group=INPUT),
    ] = None,
    among: Annotated[
        Path | None, Parameter(help="A folder of pictures: the nearest stand on the page.", group=INPUT)
    ] = None,
    out: Annotated[Path, Parameter(help="The page.", group=OUTPUT)] = Path("look.html"),
    overwrite: Overwrite = False,
    as_json: Json = False,
) -> None:
    """One offline page about what a network makes of a picture: maps, kernels, receptive fields, evidence."""
    must_exist([picture])  # what is not there is told before torch is imported
    from limner.learning.networks.looking import look as look_at

    made = look_at(
        network, picture, out=out, size=input, classes=classes, index=index, among=among, overrides=settings,
        overwrite=overwrite,
    )  # fmt: skip
    print(json.dumps({"page": str(made.page), "warnings": made.warnings}, indent=2) if as_json else made.page)
