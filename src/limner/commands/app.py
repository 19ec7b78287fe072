"""The command line's application, and the options that several verbs share."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, TypeVar

from cyclopts import App, Parameter

from limner.commands.examples import epilogue
from limner.commands.words import run_names
from limner.foundation.command_line import INPUT, METHOD, OUTPUT
from limner.foundation.machine.workers.options import WorkerOptions
from limner.foundation.progress import say
from limner.foundation.version import __version__

Result = TypeVar("Result")


def make_app() -> App:
    """An application without verbs."""
    return App(
        name="limner",
        help="Teach convolutional networks to see pictures and to make them. 'limner VERB --help' explains a verb.",
        version=f"limner {__version__}",
        help_format="plaintext",
        help_epilogue="Start with: limner demo",
        default_parameter=Parameter(show_default=_shown),
        result_action="return_value",
        suppress_keyboard_interrupt=False,
    )


def _shown(default: Any) -> str | None:
    """A default as help has it: nothing for what is off or not given."""
    if default is None or default is False:
        return None
    return ",".join(map(str, default)) if isinstance(default, tuple) else str(default)


app = make_app()


def verb(command: Callable[..., None]) -> Callable[..., None]:
    """Add a command to the application, its help with examples at the end."""
    app.command(command, help_epilogue=epilogue(command.__name__))
    return command


def even_partly(make: Callable[[], Result]) -> tuple[Result | list[Any], int]:
    """What ``make`` gives, and the exit code: where workers failed at some of many files, which is said, the others and
    1."""
    from limner.foundation.machine.workers.spreading import PartlyFailedError

    try:
        return make(), 0
    except PartlyFailedError as error:
        say(f"limner: {error}")
        return error.done, 1


RunName = Annotated[
    str,
    Parameter(
        name="run",
        help="A run's folder, 'last', or a bundled model such as 'buildings'.",
        completer=run_names,
        group=INPUT,
    ),
]
Overrides = Annotated[str, Parameter(show=False, allow_leading_hyphen=True)]
Within = Annotated[
    Path | None, Parameter(help="Vector file of the annotated ground; beyond it nothing is known.", group=INPUT)
]
Classes = Annotated[
    str | None,
    Parameter(help="Class names of the labels from class 0, or a classes.yaml that tells what they mean.", group=INPUT),
]
Layer = Annotated[str | None, Parameter(help="Layer of the vector files that have several.", group=INPUT)]
WithinLayer = Annotated[str | None, Parameter(help="Layer of --within, if it has several.", group=INPUT)]
LabelField = Annotated[str | None, Parameter(help="Field of the vector files that tells the class.", group=INPUT)]
Out = Annotated[Path | None, Parameter(help="Where to write.", group=OUTPUT)]
Overwrite = Annotated[bool, Parameter(negative=(), help="Replace what is there.", group=OUTPUT)]
Json = Annotated[bool, Parameter(name="--json", negative=(), help="Print the result as JSON.", group=OUTPUT)]
Workers = Annotated[WorkerOptions, Parameter(name="*")]
Device = Annotated[str, Parameter(help="auto, cpu or cuda.", group=METHOD)]
Download = Annotated[
    bool, Parameter(negative=(), help="Fetch pretrained weights that are not on this machine.", group=METHOD)
]
