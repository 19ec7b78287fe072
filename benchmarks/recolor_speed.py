"""How long color transfer takes and how much memory: the method by stages at growing sizes, and beside its peers.

    python benchmarks/recolor_speed.py [--sizes 1 4 12 48] [--threads 2] [--repeat 3] [--data FOLDER]

Target and reference have the same size: two photographs of scikit-image (or the first two in FOLDER, default
$LIMNER_DATA) enlarged, with grain put on. Each row is measured in a process of its own. Prints Markdown. Seconds are of
the clock, and hold where nothing else runs: the load of the machine is told first; "processor" is the time of all
threads, which other work disturbs less.

- The whole, by stages; peak: the most memory that the process held, and in brackets before the transfer began.
- Superpixels beside scikit-image's SLIC, features beside one pass in plain float32 with maps enlarged, the pruned
  fusion beside the sum over all superpixels, which is measured on a hundred thousand pixels and multiplied.
- The whole at the first size beside the same put together plainly (recolor_plain.py).
- Global methods, fit and application, beside other packages (recolor_peers.py; "-": it has no such method).
- The first run on a machine, when loops are compiled.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from datetime import date
from pathlib import Path
from typing import Any

MEASURES = Path(__file__).with_name("recolor_speed_measures.py")
STAGES = (
    "network", "superpixels", "centers", "features", "attention", "diffusion", "palette", "contrast", "fusion",
    "regrain", "range",
)  # fmt: skip
LARGEST_PLAIN = 12
"""Megapixels up to which one pass of the network is measured beside tiles: beyond, it takes too much memory."""
REPEATED = 4
"""Megapixels up to which a measure is repeated."""


def main() -> None:
    """Measure and print."""
    given = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    given.add_argument("--data", default=os.environ.get("LIMNER_DATA"), help="a folder with two photographs or more")
    given.add_argument("--sizes", type=float, nargs="+", default=[1, 4, 12, 48], help="megapixels of each picture")
    given.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    given.add_argument("--repeat", type=int, default=3, help=f"the least of so many, up to {REPEATED} megapixels")
    options = given.parse_args()
    describe_machine(options)
    print_whole(options)
    print_parts(options)
    print_beside_plain(options)
    print_classics(options)
    print_first_run(options)


def measure(options: argparse.Namespace, name: str, environment: dict[str, str] | None = None, **given: Any) -> Any:
    """What a measure gives, from a process of its own."""
    words = {"threads": options.threads, "data": options.data, **given}
    variables = {**os.environ, "OMP_NUM_THREADS": str(options.threads), **(environment or {})}
    command = [sys.executable, str(MEASURES), name, json.dumps(words)]
    done = subprocess.run(command, env=variables, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def repeats(options: argparse.Namespace, size: float) -> int:
    """How often a measure at a size is taken."""
    return options.repeat if size <= REPEATED else 1


def table(*columns: str) -> None:
    """The head of a Markdown table."""
    print("\n|", " | ".join(columns), "|")
    print("| --- |", " ---: |" * (len(columns) - 1), sep="")


def row(*values: Any) -> None:
    """A row of one."""
    cells = ["-" if value is None else f"{value:.2f}" if isinstance(value, float) else str(value) for value in values]
    print("|", " | ".join(cells), "|", flush=True)


def describe_machine(options: argparse.Namespace) -> None:
    """What the figures depend on."""
    about = measure(options, "about")
    load = " ".join(f"{value:.1f}" for value in os.getloadavg())
    packages = ", ".join(f"{name} {version}" for name, version in about["packages"].items())
    print(
        f"{date.today()}, {about['processor']}, {os.cpu_count()} cores, {platform.system()}, Python "
        f"{platform.python_version()}."
    )
    print(f"Threads of torch: {about['threads']}. Load at the start: {load}. {packages}.")


def print_whole(options: argparse.Namespace) -> None:
    """Seconds of each stage and the peak of memory, at each size."""
    table("Mpx", "size", "superpixels", *STAGES, "in all", "processor", "peak MiB")
    for size in options.sizes:
        found = measure(options, "whole", megapixels=size, repeat=repeats(options, size))
        stages = [float(found["seconds"].get(stage, 0)) for stage in STAGES]
        peak = f"{found['peak']:.0f} ({found['before']:.0f})"
        row(f"{size:g}", found["size"], found["superpixels"], *stages, found["wall"], found["processor"], peak)


def print_parts(options: argparse.Namespace) -> None:
    """Seconds of the costly parts beside the plain way."""
    table("Mpx", "part", "limner", "processor", "beside", "seconds", "processor", "times as fast", "remark")
    for size in options.sizes:
        plain = size <= LARGEST_PLAIN
        found = measure(options, "parts", megapixels=size, repeat=repeats(options, size), plain=plain)
        apart = f"super-features differ by {100 * found['apart']:.2g} %" if plain else ""
        looked = f"{found['candidates']:.0f} of {found['count']} looked at"
        for part, beside, remark in (
            ("superpixels", "scikit-image", ""),
            ("features", "one pass, float32", apart),
            ("fusion", "sum over all", looked),
        ):
            seconds = found[part]
            ratio = seconds[3] / seconds[1] if seconds[3] else None
            row(f"{size:g}", part, *seconds[:2], beside, *seconds[2:], ratio, remark)


def print_beside_plain(options: argparse.Namespace) -> None:
    """The whole beside the same put together plainly."""
    size = options.sizes[0]
    found = measure(options, "beside_plain", megapixels=size, repeat=options.repeat)
    table(f"the whole at {size:g} Mpx", "seconds", "processor")
    row("limner", *found["ours"])
    row("scikit-image, timm, numpy, torch", *found["plain"])
    ratios = [plain / ours for plain, ours in zip(found["plain"], found["ours"], strict=True)]
    row("times as fast", *ratios)
    print(f"\nThe two pictures differ by {found['apart']:.3f} on the mean, in units of [0, 1]: superpixels differ.")


def print_classics(options: argparse.Namespace) -> None:
    """Global methods beside the peers that have them."""
    size = options.sizes[0]
    found = measure(options, "classics", megapixels=size, repeat=options.repeat)
    table(f"fit and application at {size:g} Mpx", "by", "seconds", "processor")
    for name, makers in found.items():
        for maker, seconds in makers.items():
            row(name, maker, *(seconds or ("not installed", None)))


def print_first_run(options: argparse.Namespace) -> None:
    """What compiling costs."""
    with tempfile.TemporaryDirectory() as folder:
        found = measure(options, "first_run", environment={"NUMBA_CACHE_DIR": folder})
    print(
        f"\nFirst transfer on a machine (0.04 Mpx; loops are compiled): {found['first']:.1f} s; the next "
        f"{found['second']:.2f} s."
    )


if __name__ == "__main__":
    main()
