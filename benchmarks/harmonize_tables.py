"""The tables of `harmonize_places.py`: what harmonizing gained on places that were not trained on,
and rules to choose by.
"""

import json
from collections.abc import Callable, Iterable, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

METHODS = ("mkl", "idt", "histogram", "reinhard")
USUAL = "as trained"
POINT = 1.0  # of F1, in percent: what counts as helped or hurt

Result = dict[str, Any]
Choose = Callable[[Result, str], str]
"""(a run's result, scene) -> the variant to take."""


def report(folder: Path) -> str:
    """All tables from the files of scores in ``folder``, as Markdown."""
    results = [_with_usual(json.loads(path.read_text())) for path in sorted(folder.glob("*.json"))]
    if not results:
        return "nothing is finished yet"
    agreement = Agreement(folder, results)
    parts = [
        (
            f"{len(results)} trainings: {counted(results, 'network')}; {counted(results, 'place')}; seeds "
            f"{seeds(results)}."
        ),
        "## Matched to all training places together\n\n" + by_method(results),
        "## Gain by what is matched\n\n" + by_target(results),
        "## A place's scenes measured one by one, or together\n\n" + by_grouping(results),
        "## Rules that need no labels\n\n" + by_rule(results, agreement),
        "## Distance and gain\n\n" + by_distance(results),
    ]
    return "\n\n".join(parts)


def _with_usual(result: Result) -> Result:
    result["variants"][USUAL] = result["variants"][result["usual"]]
    return result


def counted(results: Sequence[Result], key: str) -> str:
    """How many of each."""
    names = list(dict.fromkeys(result[key] for result in results))
    return ", ".join(f"{sum(result[key] == name for result in results)} {name}" for name in names)


def seeds(results: Sequence[Result]) -> str:
    """The seeds that are there."""
    return ", ".join(map(str, sorted({result["seed"] for result in results})))


def f1(result: Result, choose: Choose) -> float:
    """F1 of building in percent, the scenes of the place pooled, each mapped by the variant that is chosen for it."""
    total = np.zeros((2, 2))
    for scene in result["distances"]:
        total += np.array(result["variants"][choose(result, scene)][scene]["counts"])
    return float(200 * total[1, 1] / max(1, 2 * total[1, 1] + total[0, 1] + total[1, 0]))


def always(variant: str) -> Choose:
    """The rule that takes one variant for all."""
    return lambda result, scene: variant


def all_building(result: Result) -> float:
    """F1 of a map of buildings everywhere, in percent."""
    truth = sum(np.array(item["counts"]).sum(1) for item in result["variants"][USUAL].values())
    return float(200 * truth[1] / (2 * truth[1] + truth[0]))


def groups(results: Sequence[Result], *keys: str) -> dict[tuple[str, ...], list[Result]]:
    """The results that share these keys."""
    found: dict[tuple[str, ...], list[Result]] = {}
    for result in results:
        found.setdefault(tuple(result[key] for key in keys), []).append(result)
    return found


def by_method(results: Sequence[Result]) -> str:
    """F1 of each place and network, mean over the seeds and their range."""
    variants = [USUAL, "run", "scene", *(f"{method} all" for method in METHODS)]
    head = ["unseen place", "network", "all building", USUAL, "run's colors", "scene's colors", *METHODS]
    rows = []
    for (place, network), ours in groups(results, "place", "network").items():
        cells = [spread([f1(result, always(variant)) for result in ours]) for variant in variants]
        rows.append([place, network, f"{all_building(ours[0]):.1f}", *cells])
    means = [mean_of(results, lambda result, name=variant: f1(result, always(name))) for variant in variants]
    rows.append(["**mean**", "", f"{mean_of(results, all_building):.1f}", *(f"{value:.1f}" for value in means)])
    return table(head, rows)


def by_target(results: Sequence[Result]) -> str:
    """What each method gains on ``as trained`` when it matches all places, the nearest, or each in turn."""
    head = ["unseen place", "network", "method", "all", "nearest", "each training place"]
    rows = []
    for (place, network), ours in groups(results, "place", "network").items():
        for method in METHODS:
            each = [f"{area} {mean_gain(ours, always(f'{method} {area}')):+.1f}" for area in ours[0]["areas"]]
            chosen = [always(f"{method} all"), nearest(method, "gaussian")]
            gains = [f"{mean_gain(ours, rule):+.1f}" for rule in chosen]
            rows.append([place, network, method, *gains, ", ".join(each)])
    return table(head, rows)


def by_grouping(results: Sequence[Result]) -> str:
    """F1 where each scene of a place is matched by itself, and where one map serves them all;
    places of several scenes.
    """
    names = ["scene", *(f"{method} all" for method in METHODS)]
    several = [result for result in results if f"{names[0]}, together" in result["variants"]]
    rows = []
    for (place, network), ours in groups(several, "place", "network").items():
        pairs = [
            [mean_of(ours, lambda one, name=name + how: f1(one, always(name))) for how in ("", ", together")]
            for name in names
        ]
        rows.append([place, network, *(f"{alone:.1f}, {joined:.1f}" for alone, joined in pairs)])
    return table(["unseen place", "network", "scene's colors", *METHODS], rows)


def by_rule(results: Sequence[Result], agreement: "Agreement") -> str:
    """How each rule does on all trainings of networks with several seeds: one alone agrees with nobody."""
    results = [one for ours in groups(results, "network", "place").values() if len(ours) > 1 for one in ours]
    if not results:
        return "not before a second seed is finished"
    rules: dict[str, Choose] = {
        USUAL: always(USUAL),
        "the run's colors": always("run"),
        "the scene's own colors": always("scene"),
    }
    for method in METHODS:
        rules[f"{method} to all"] = always(f"{method} all")
        rules[f"{method} to the nearest place"] = nearest(method, "gaussian")
    rules["mkl to the nearest place, sliced Wasserstein"] = nearest("mkl", "sliced")
    for method in ("mkl", "idt"):
        rules[f"least entropy: {method} to any place or all, or {USUAL}"] = surest(method, "entropy")
        rules[f"seeds agree most: {method} to any place or all, or {USUAL}"] = agreement.rule(method)
    rules["least entropy of all variants"] = surest(None, "entropy")
    rules["seeds agree most, of all variants"] = agreement.rule(None)
    rules["the best variant, by the labels (no rule)"] = best
    networks = [f"gain of {network}" for (network,) in groups(results, "network")]
    head = ["rule", "mean F1", *networks, "helped", "hurt", "worst", "against the scene's own colors"]
    return table(head, [_rule_row(name, rule, results) for name, rule in rules.items()])


def _rule_row(name: str, rule: Choose, results: Sequence[Result]) -> list[str]:
    scores = np.array([f1(result, rule) for result in results])
    gains = scores - [f1(result, always(USUAL)) for result in results]
    more = scores - [f1(result, always("scene")) for result in results]
    own = [f"{mean_gain(ours, rule):+.1f}" for ours in groups(results, "network").values()]
    counts = [f"{np.count_nonzero(which)} of {len(gains)}" for which in (gains > POINT, gains < -POINT)]
    return [name, f"{scores.mean():.1f}", *own, *counts, f"{gains.min():+.1f}", f"{more.mean():+.1f}"]


def by_distance(results: Sequence[Result]) -> str:
    """How far the colors of each place lie from the training's, beside what matching them gains."""
    variants = ["scene", "mkl all", "histogram all"]
    head = [
        "unseen place",
        "network",
        "distance to all",
        "to the nearest place",
        *(f"gain of {name}" for name in variants),
    ]
    rows = []
    for (place, network), ours in groups(results, "place", "network").items():
        far = [mean_of(ours, lambda one, way=way: scenes_mean(one, way)) for way in (to_all, to_nearest)]
        gains = [mean_gain(ours, always(name)) for name in variants]
        rows.append([place, network, *(f"{value:.2f}" for value in far), *(f"{value:+.1f}" for value in gains)])
    return table(head, rows)


def scenes_mean(result: Result, number: Callable[[Result, str], float]) -> float:
    """A number's mean over the scenes of a place."""
    return float(np.mean([number(result, scene) for scene in result["distances"]]))


def to_all(result: Result, scene: str) -> float:
    """How far a scene's colors lie from those of all training places together."""
    return float(result["distances"][scene]["all"]["gaussian"])


def to_nearest(result: Result, scene: str) -> float:
    """How far a scene's colors lie from those of the nearest training place."""
    return float(min(result["distances"][scene][area]["gaussian"] for area in result["areas"]))


def nearest(method: str, kind: str) -> Choose:
    """A method, to the training place of the nearest colors; kind: of distance."""

    def rule(result: Result, scene: str) -> str:
        far = result["distances"][scene]
        return f"{method} {min(result['areas'], key=lambda area: far[area][kind])}"

    return rule


def candidates(result: Result, method: str | None) -> list[str]:
    """What a rule may choose from: one method's variants and ``as trained``, or all variants of scenes one by one."""
    alone = [name for name in result["variants"] if not name.endswith("together")]
    return [name for name in alone if method is None or name == USUAL or name.startswith(f"{method} ")]


def surest(method: str | None, by: str) -> Choose:
    """The variant whose map the network is surest of."""
    return lambda result, scene: min(candidates(result, method), key=lambda name: result["variants"][name][scene][by])


def best(result: Result, scene: str) -> str:
    """The variant with the highest F1 of all scenes together."""
    return max(result["variants"], key=lambda name: f1(result, always(name)))


class Agreement:
    """How alike the maps of several seeds are: the mean of their F1 of building against each other."""

    def __init__(self, folder: Path, results: Sequence[Result]) -> None:
        self.maps: dict[tuple[str, str], list[Any]] = {}
        self.known: dict[tuple[str, str, str, str], float] = {}
        for result in results:
            path = folder / f"{result['network']}-{result['place']}-{result['seed']}.npz"
            self.maps.setdefault((result["network"], result["place"]), []).append(dict(np.load(path)))

    def of(self, network: str, place: str, variant: str, scene: str) -> float:
        """1 where all seeds give the same map, 0 where no building is shared (or there is one seed alone)."""
        key = network, place, variant, scene
        if key not in self.known:
            maps = [np.unpackbits(item[f"{variant}/{scene}"]) for item in self.maps[network, place]]
            pairs = [
                2.0 * (one & other).sum() / max(1, one.sum() + other.sum()) for one, other in combinations(maps, 2)
            ]
            self.known[key] = float(np.mean(pairs)) if pairs else 0.0
        return self.known[key]

    def rule(self, method: str | None) -> Choose:
        """The variant in which the seeds agree most."""

        def choose(result: Result, scene: str) -> str:
            def alike(name: str) -> float:
                variant = result["usual"] if name == USUAL else name
                return self.of(result["network"], result["place"], variant, scene)

            return max(candidates(result, method), key=alike)

        return choose


def gain(result: Result, rule: Choose) -> float:
    """Points of F1 above ``as trained``."""
    return f1(result, rule) - f1(result, always(USUAL))


def mean_gain(results: Sequence[Result], rule: Choose) -> float:
    """The mean of `gain`."""
    return mean_of(results, lambda result: gain(result, rule))


def mean_of(results: Sequence[Result], number: Callable[[Result], float]) -> float:
    """A number's mean over trainings."""
    return float(np.mean([number(result) for result in results]))


def spread(values: Sequence[float]) -> str:
    """Mean, and least and most where there are several."""
    return f"{np.mean(values):.1f}" + (f" ({min(values):.0f} to {max(values):.0f})" if len(values) > 1 else "")


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = ["| " + " | ".join(cells) + " |" for cells in (head, ["---"] * len(head), *rows)]
    return "\n".join(lines)
