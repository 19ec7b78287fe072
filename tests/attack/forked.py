"""Runs the scripts of this folder in processes forked from one that has imported all they need, which takes longest.

That process only imports: a script still has memory, files and limits of its own, and dies alone.
"""

import multiprocessing
import os
import sys
from collections.abc import Mapping
from contextlib import suppress
from importlib import import_module
from multiprocessing.forkserver import ForkServer
from pathlib import Path
from typing import Any

import pytest

from forkservers import forked_from
from limner.foundation.machine.offline import SETTINGS

PRELOADED = (
    "limner", "damaged", "full_disk", "all_verbs", "isolated", "timm", "torchvision", "pyogrio", "lightning_fabric",
    "limner.segment.mapping", "limner.segment.training", "limner.classify.training", "limner.recolor",
    "limner.generate.cutouts", "limner.learning.loop.training", "limner.reporting.report", "numba", "skimage.measure",
    "matplotlib.figure", "matplotlib.backends.backend_agg", "pycocotools.mask",
)  # fmt: skip
"""What more than one of the scripts imports, for up to a second each."""
_processes = multiprocessing.get_context("forkserver")
_server = ForkServer()
_server.set_forkserver_preload(list(PRELOADED))


def start(script: str, *arguments: Any, out: Path, err: Path, **environment: str) -> multiprocessing.Process:
    """Begin ``main`` of a script in a new process, with these arguments; stdout and stderr go to files.

    script: name of a module of this folder. environment: variables that it gets besides ours.
    """
    with pytest.MonkeyPatch.context() as patch:  # what the first call leaves in the environment is what all begin with
        here = Path(__file__).parent
        paths = [str(here), str(here.parent / "helpers"), *os.environ.get("PYTHONPATH", "").split(os.pathsep)]
        patch.setenv("PYTHONPATH", os.pathsep.join(filter(None, paths)))
        for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
            patch.setenv(name, "1")  # what is forked has none of the threads that wait for work
        for name in (*SETTINGS, "GDAL_SKIP"):  # limner, which runs here, has set them for itself; there it shall, too
            patch.delenv(name, raising=False)
        process = _processes.Process(target=_run, args=(script, arguments, str(out), str(err), environment))
        with forked_from(_server):
            process.start()
    return process  # type: ignore[return-value]


def _run(script: str, arguments: tuple[Any, ...], out: str, err: str, environment: Mapping[str, str]) -> None:
    for stream, path in ((sys.stdout, out), (sys.stderr, err)):
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(file, stream.fileno())
        os.close(file)
    os.environ.update(environment)
    with suppress(AttributeError):
        sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    import_module(script).main(*arguments)
