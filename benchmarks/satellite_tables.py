"""Tables II and III of Ghassemi et al. 2018 on free data: five networks on three scenes, and refined on 7 and 15 %.

    python benchmarks/satellite_tables.py WORK [--data DATA] [--steps 60] [--minutes 3] [--seeds 0] [--once]
    python benchmarks/satellite_tables.py WORK --report [--seeds 0]

DATA (default: $LIMNER_DATA) holds dubai-aerial, uganda-buildings, banepa-buildings and spacenet-rio. Networks learn
from Kampala and from all of Dubai but tile 8, and map tile 8 (the same camera, another part of town), Banepa and Rio
(never seen). Each learns by its own recipe from crops of 128 px, once for ``--steps`` steps of 8 (equal images) and
once for as many as fit into ``--minutes`` of processor time (equal minutes; timed before its training, which
``plan.json`` keeps). Those of equal minutes are refined on squares that hold 7 or 15 % of a scene, and scored on the
rest beside what they were.

WORK is a folder for what is made. Whatever is there already is not done again, so a stopped benchmark goes on;
``--once`` ends after one training or refining, for a machine that is shared. ``--report`` prints the tables of what is
finished, as Markdown.
"""

import argparse
import itertools
import json
import os
import shutil
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from harmonize_places import prepare
from limner.foundation.files.writing import write_json
from limner.learning.library import task_class
from limner.learning.loop.timing import steps_within
from limner.learning.runs.opening import open_run
from limner.learning.train import resolve, train
from limner.segment.labels.reading import AS_FOUND
from limner.segment.measures.counts import Counts
from limner.segment.predicting.predictor import load_predictor
from refining import REFINE, annotate, refine_on, score_on, write_scene

NETWORKS = ("unet-19", "unet-35", "residual-18", "residual-34", "modern")
SCENES = {"dubai-8": "Dubai 8", "banepa": "Banepa", "rio": "Rio"}
LEARNED = ("kampala", "dubai")
LEFT_OUT = "tile8"
IMAGES, MINUTES = "images", "minutes"
"""The two budgets."""
SHARES = (0.07, 0.15)
BATCH, CROP_PX, TILE_PX = 8, 128, 192
REFINED_STEPS = 120
"""Of 2 crops, in all: a refining learns from parts of the annotated ground in turn."""
SHARED = (
    "--data.group", "^([^-]+)-", "--data.leave-out", LEFT_OUT, "--data.crop-px", str(CROP_PX),
    "--data.tile-px", str(TILE_PX), "--data.validation-share", "0.1", "--batch", str(BATCH), "--loop.keep", "last",
    "--loop.precision", "auto", "--epochs", "8", "--steps-per-epoch", "30",
)  # fmt: skip


def main() -> None:
    """Train, refine and score what is missing, or print the tables."""
    given = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    given.add_argument("work", type=Path)
    given.add_argument("--data", type=Path, default=os.environ.get("LIMNER_DATA"), help="folder of the four data sets")
    given.add_argument("--steps", type=int, default=60, help="of each network, at equal images")
    given.add_argument("--minutes", type=float, default=3, help="of each network, at equal minutes")
    given.add_argument("--seeds", nargs="+", type=int, default=(0,))
    given.add_argument("--networks", nargs="+", choices=NETWORKS, default=NETWORKS, help="train only these")
    given.add_argument("--refined", nargs="*", choices=NETWORKS, default=NETWORKS, help="refine only these")
    given.add_argument("--once", action="store_true", help="end after one training or refining")
    given.add_argument("--report", action="store_true", help="print the tables of what is finished")
    options = given.parse_args()
    torch.set_num_threads(1)
    if options.report:
        print(report(options.work, options.seeds))
        return
    if options.data is None:
        given.error("needs --data, or $LIMNER_DATA")
    for place in LEARNED:
        prepare(place, Path(options.data), options.work / "places")
    for scene in SCENES:
        write_scene(Path(options.data), scene, options.work / "scenes")
    asked = {"steps": options.steps, "minutes": options.minutes}
    for job in jobs(options.networks, options.refined, options.seeds):
        if not job.file(options.work).exists():
            print(f"{time.strftime('%H:%M:%S')} {job.name}", flush=True)
            learn_and_score(options.work, job, asked) if job.scene is None else refine_and_score(options.work, job)
            if options.once:
                return
    print("all is done")


class Job(NamedTuple):
    """A training; with scene and share a refining of what the training of equal minutes gave."""

    network: str
    budget: str
    seed: int
    scene: str | None = None
    share: float = 0.0

    @property
    def name(self) -> str:
        """Of its files."""
        refined = "" if self.scene is None else f"-{self.scene}-{100 * self.share:g}"
        return f"{self.network}-{self.budget}-{self.seed}{refined}"

    def file(self, work: Path) -> Path:
        """Where its scores are kept."""
        return work / "scores" / f"{self.name}.json"

    def run(self, work: Path) -> Path:
        """The run of the training."""
        return work / "runs" / f"{self.network}-{self.budget}-{self.seed}"


def jobs(networks: Sequence[str], refined: Sequence[str], seeds: Sequence[int]) -> Iterator[Job]:
    """All that is to be done, tables of one seed before those of the next, and quick networks before slow ones."""
    for seed in seeds:
        for network, budget in itertools.product(networks[::-1], (MINUTES, IMAGES)):
            yield Job(network, budget, seed)
        for share, network, scene in itertools.product(SHARES, refined, SCENES):
            if network in networks:
                yield Job(network, MINUTES, seed, scene, share)


def planned(work: Path, job: Job, asked: dict[str, float]) -> int:
    """How many steps a training gets by its budget; for equal minutes its network is timed once, and that is kept.

    asked: "steps" and "minutes". Raises `SystemExit` where WORK was begun with others.
    """
    file = work / "plan.json"
    plan = {"asked": asked, "within": {}}
    if file.exists():
        plan = json.loads(file.read_text(encoding="utf-8"))
    if plan["asked"] != asked:
        raise SystemExit(f"{file}: was begun with {plan['asked']}, now {asked}; take another WORK")
    within: dict[str, int] = plan["within"]
    if job.budget == MINUTES and job.network not in within:
        recipe = resolve(f"segment/{job.network}", data=learned(work), overrides=SHARED, options=AS_FOUND)
        task = task_class(recipe.task)(recipe)
        within[job.network] = steps_within(task, recipe.loop, asked["minutes"], time.process_time)
    write_json(file, plan)
    return int(asked["steps"]) if job.budget == IMAGES else within[job.network]


def learned(work: Path) -> list[Path]:
    """The places that networks learn from."""
    return [work / "places" / place for place in LEARNED]


def learn_and_score(work: Path, job: Job, asked: dict[str, float]) -> None:
    """Train a network and keep what it counts on each scene."""
    tokens = [*SHARED, "--loop.steps", str(planned(work, job, asked)), "--seed", str(job.seed)]
    done = train(f"segment/{job.network}", data=learned(work), overrides=tokens, out=job.run(work))
    if done.stopped:
        raise SystemExit(done.stopped.exit_code)
    counts = {}
    for scene in SCENES:
        picture = work / "scenes" / f"{scene}.tif"
        counts[scene] = score_on(load_predictor(open_run(job.run(work)), "cpu"), picture, work).matrix.tolist()
    status = open_run(job.run(work)).status
    write_json(job.file(work), {"counts": counts, "steps": status["steps"], "seconds": status["seconds"]})


def refine_and_score(work: Path, job: Job) -> None:
    """Refine a network on a share of a scene; keep what both count on the rest, and what was kept of the refining."""
    assert job.scene is not None
    picture = work / "scenes" / f"{job.scene}.tif"
    truth, labels = (picture.with_name(f"{name}.tif") for name in (f"{job.scene}-mask", f"{job.name}-labels"))
    annotate(truth, job.share, job.seed, labels)
    began = time.monotonic()
    settings = (*REFINE, "--loop.steps", str(REFINED_STEPS))
    refined = refine_on(job.run(work), picture, labels, work, work / "refined" / job.name, settings, job.seed)
    seconds = round(time.monotonic() - began, 1)
    both = {"before": open_run(job.run(work)), "after": refined.run}
    counts = {
        name: score_on(load_predictor(run, "cpu"), picture, work, without=refined.run).matrix.tolist()
        for name, run in both.items()
    }
    decision = None if refined.decision is None else refined.decision.to_json()
    write_json(job.file(work), {"counts": counts, "decision": decision, "seconds": seconds})
    shutil.rmtree(refined.run.folder)  # up to 350 MB each


# --- tables ----------------------------------------------------------------------------------------------------------


def report(work: Path, seeds: Sequence[int]) -> str:
    """Both tables, F1 and accuracy of building in percent, means over the seeds that are finished, as Markdown."""
    lines = []
    for budget, title in ((IMAGES, "At equal images"), (MINUTES, "At equal minutes")):
        lines += [f"**{title}**", "", *networks_table(work, budget, seeds), ""]
    return "\n".join([*lines, "**Refined**", "", *refined_table(work, seeds)])


HEAD = " | ".join(f"{name}: F1 | accuracy" for name in (*SCENES.values(), "mean"))
RULE = " ---: |" * (2 * len(SCENES) + 2)


def networks_table(work: Path, budget: str, seeds: Sequence[int]) -> list[str]:
    """The form of Table II: each network on each scene, and in the mean."""
    lines = [f"| network | images | wall clock, s | {HEAD} |", f"| --- | ---: | ---: |{RULE}"]
    last: dict[str, Counts] = {}
    for network in NETWORKS:
        found = [read(job.file(work)) for seed in seeds if (job := Job(network, budget, seed)).file(work).exists()]
        if found:
            by_scene = {scene: [Counts(np.array(each["counts"][scene])) for each in found] for scene in SCENES}
            last = {scene: counts[0] for scene, counts in by_scene.items()}
            images, seconds = (np.mean([each[key] for each in found]) for key in ("steps", "seconds"))
            name = network if len(found) == 1 else f"{network} ({len(found)} seeds)"
            lines.append(f"| {name} | {BATCH * images:.0f} | {seconds:.0f} | {cells(by_scene)} |")
    for number, name in enumerate(("all background", "all building")):
        if last:
            constant = {scene: [counts.constant(number)] for scene, counts in last.items()}
            lines.append(f"| {name} | 0 | 0 | {cells(constant)} |")
    return lines


def refined_table(work: Path, seeds: Sequence[int]) -> list[str]:
    """The form of Table III: before and after on the ground that was not annotated, and the gain of both scores."""
    rest: dict[float, dict[str, list[Counts]]] = {}
    lines = [f"| network, annotated | {HEAD} | weights kept |", f"| --- |{RULE} --- |"]
    for network, share in itertools.product(NETWORKS, SHARES):
        every = [(scene, Job(network, MINUTES, seed, scene, share)) for scene in SCENES for seed in seeds]
        found = [(scene, read(job.file(work))) for scene, job in every if job.file(work).exists()]
        if {scene for scene, _ in found} != set(SCENES):
            continue
        counts: dict[str, dict[str, list[Counts]]] = {}
        for when in ("before", "after"):
            counts[when] = {scene: [] for scene in SCENES}
            for scene, each in found:
                counts[when][scene].append(Counts(np.array(each["counts"][when])))
        kept = ", ".join(f"{SCENES[scene]} {kept_weights(each['decision'])}" for scene, each in found)
        lines += [
            f"| {network}, before, on the rest of {share:.0%} | {cells(counts['before'])} | |",
            f"| {network}, refined on {share:.0%} | {cells(counts['after'])} | {kept} |",
            f"| gain | {gains(counts['before'], counts['after'])} | |",
        ]
        rest[share] = counts["before"]
    for share, before in rest.items():
        for number, name in enumerate(("all background", "all building")):
            constant = {scene: [each.constant(number) for each in ours] for scene, ours in before.items()}
            lines.append(f"| {name}, on the rest of {share:.0%} | {cells(constant)} | |")
    return lines


def kept_weights(decision: dict[str, Any] | None) -> str:
    """How much of the refined weights stayed, in words."""
    if decision is None:
        return "?"
    return "the parent's" if decision["mix"] is None else f"{decision['mix']:g} refined"


def numbers(by_scene: dict[str, list[Counts]]) -> np.ndarray:
    """F1 and accuracy of each scene in the mean of its seeds, then their means over the scenes, in percent."""
    of_seeds = [[(each.f1() or 0, each.accuracy or 0) for each in by_scene[scene]] for scene in SCENES]
    pairs = np.array([np.mean(each, axis=0) for each in of_seeds])
    return 100 * np.concatenate([pairs.ravel(), pairs.mean(0)])


def cells(by_scene: dict[str, list[Counts]]) -> str:
    """`numbers` as a row's cells."""
    return " | ".join(f"{value:.1f}" for value in numbers(by_scene))


def gains(before: dict[str, list[Counts]], after: dict[str, list[Counts]]) -> str:
    """The differences of `numbers` as a row's cells."""
    return " | ".join(f"{value:+.1f}" for value in numbers(after) - numbers(before))


def read(file: Path) -> dict[str, Any]:
    """What a job kept."""
    kept: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return kept


if __name__ == "__main__":
    main()
