"""The verbs of the room `generate`: cutouts, generate, caption and fid."""

import json
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from limner.commands.app import Device, Download, Json, Overwrite, RunName, verb
from limner.datasets.pictures.listing import picture_files
from limner.foundation.command_line import INPUT, METHOD, OUTPUT
from limner.foundation.errors import UserError
from limner.foundation.progress import say
from limner.generate.cutouts.options import PLAIN as AS_IT_COMES
from limner.generate.cutouts.options import CutOutOptions
from limner.generate.making.options import PLAIN, GenerateOptions
from limner.generate.scoring.options import ONCE
from limner.learning.runs.opening import is_run, open_run

Features = Annotated[
    Literal["inception", "efficientnet-lite0", "efficientnet-lite2"],
    Parameter(help=f"The network that the scores look through. {ONCE}", group=METHOD),
]


@verb
def cutouts(
    source: Annotated[Path, Parameter(help="An annotated data set: a folder, or a file of annotations.", group=INPUT)],
    *,
    objects: Annotated[
        list[str],
        Parameter(name="--object", negative=(), help="What to cut out, such as car; repeat for several.", group=INPUT),
    ],
    options: Annotated[CutOutOptions, Parameter(name="*", group=METHOD)] = AS_IT_COMES,
    device: Device = "auto",
    download: Download = False,
    out: Annotated[Path, Parameter(help="Where the cut-outs go, a folder for each object.", group=OUTPUT)] = Path(
        "cutouts"
    ),
    overwrite: Overwrite = False,
    as_json: Json = False,
) -> None:
    """Objects cut out by their instance masks, each a picture to learn from; with a manifest and a contact sheet."""
    if not source.exists():
        from limner.datasets.annotations.sources import NEEDED

        raise UserError(f"{source}: no such file or folder; {NEEDED}")
    from limner.generate.cutouts.verb import cut_out

    made = cut_out(source, objects, out, options, device=device, download=download, overwrite=overwrite)
    say(made.to_text())
    print(json.dumps(made.to_json(), indent=2) if as_json else made.folder)


@verb
def generate(
    run: RunName,
    *,
    options: Annotated[GenerateOptions, Parameter(name="*", group=METHOD)] = PLAIN,
    device: Device = "auto",
    out: Annotated[Path, Parameter(help="The folder of the pictures.", group=OUTPUT)] = Path("generated"),
    overwrite: Annotated[
        bool,
        Parameter(negative=(), help="Remove what limner generate made there before, and make it anew.", group=OUTPUT),
    ] = False,
    as_json: Json = False,
) -> None:
    """New pictures: files and a grid of them, or a walk from one to the next as GIF or MP4."""
    open_run(run, "generate")  # what is not there is told before torch is imported
    from limner.generate.media.verbs import generate_media

    made = generate_media(run, options, out=out, device=device, overwrite=overwrite)
    if as_json:
        print(json.dumps(made.to_json(), indent=2))
    else:
        for path in made.paths():
            print(path)


@verb
def caption(
    run: RunName,
    clips: Annotated[list[Path], Parameter(help="Videos, GIFs, or folders of numbered frames.", group=INPUT)],
    *,
    out: Annotated[Path | None, Parameter(help="A .csv file to write, columns file and caption.", group=OUTPUT)] = None,
    device: Device = "auto",
    overwrite: Overwrite = False,
    as_json: Json = False,
) -> None:
    """A sentence for each clip, by a run that learned clips with sentences."""
    open_run(run, "generate")  # what is not there is told before torch is imported
    for clip in clips:
        if not clip.exists():
            raise UserError(f"{clip}: no such file or folder")
    from limner.generate.media.captions.verb import caption_clips

    made = caption_clips(run, clips, out=out, device=device, overwrite=overwrite)
    if as_json:
        print(json.dumps(made, indent=2))
    else:
        for name, sentence in made.items():
            print(f"{name}: {sentence}")


@verb
def fid(
    real: Annotated[Path, Parameter(help="A folder of real pictures.", group=INPUT)],
    fake: Annotated[Path, Parameter(help="A folder of generated pictures, or a run that makes them.", group=INPUT)],
    *,
    features: Features = "inception",
    weights: Annotated[Path | None, Parameter(help="A file of Inception's weights.", group=METHOD)] = None,
    resizer: Annotated[
        Literal["bicubic", "bilinear", "tensorflow"] | None,
        Parameter(
            help="How pictures come to the network's size (default: bicubic for inception, else bilinear).",
            group=METHOD,
        ),
    ] = None,
    samples: Annotated[
        int | None,
        Parameter(help="How many pictures a run makes (default: as many as there are real ones).", group=METHOD),
    ] = None,
    seed: Annotated[int, Parameter(help="Of a run's latents, and of subsets and resamples.", group=METHOD)] = 0,
    device: Device = "auto",
    download: Download = False,
    as_json: Json = False,
) -> None:
    """FID, KID, IS, precision, recall, density and coverage of pictures against real ones, with intervals.

    FID needs Inception's weights (96 MB) once: limner fid REAL FAKE --download fetches them.
    """
    for side in (real, fake):  # what is not there is told before torch is imported
        if is_run(side):
            open_run(side, "generate")
        else:
            picture_files(side)
    from limner.generate.scoring.fid import fid as score_folders

    result = score_folders(
        real, fake, features=features, weights=weights, resizer=resizer, samples=samples, seed=seed, device=device,
        download=download,
    )  # fmt: skip
    print(json.dumps(result.to_json(), indent=2) if as_json else result.to_markdown())
