"""The command line's application, and the options that several verbs share."""

from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from limner.foundation.version import __version__
from limner.segment.labels.reading import Reading

app = App(
    name="limner",
    help="Teach convolutional networks to see pictures and to make them. 'limner VERB --help' explains a verb.",
    version=f"limner {__version__}",
    help_epilogue="Start with: limner demo",
    result_action="return_value",
    suppress_keyboard_interrupt=False,
)

Overrides = Annotated[str, Parameter(show=False, allow_leading_hyphen=True)]
Folders = Annotated[
    list[Path] | None, Parameter(name="--data", negative=(), help="Folder of areas, or one scene; repeat for several.")
]
HowRead = Annotated[Reading, Parameter(name="*")]
Within = Annotated[Path | None, Parameter(help="Vector file of the annotated ground; beyond it nothing is known.")]
Classes = Annotated[
    str | None, Parameter(help="Class names of the labels from class 0, or a classes.yaml that tells what they mean.")
]
LabelField = Annotated[str | None, Parameter(help="Field of the vector files that tells the class.")]
Out = Annotated[Path | None, Parameter(help="Where to write.")]
Overwrite = Annotated[bool, Parameter(negative=(), help="Replace what is there.")]
Json = Annotated[bool, Parameter(name="--json", negative=(), help="Print the result as JSON.")]
Device = Annotated[str, Parameter(help="auto, cpu or cuda.")]
Download = Annotated[bool, Parameter(negative=(), help="Fetch pretrained weights that are not on this machine.")]
