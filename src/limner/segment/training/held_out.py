"""Learning that seldom harms: ground is held out in turn, and tells how much of what was learned is kept."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from limner.learning.loop.task import Stage
from limner.learning.runs.run import Run
from limner.scenes.statistics import Statistics
from limner.segment.data.crops import CropSource
from limner.segment.data.folds import Fold, HeldBlock
from limner.segment.measures.held_out import HALF, Decision, decide
from limner.segment.measures.tally import Tally, fit_ground, predict_cells, tally
from limner.segment.predicting.predictor import SegmentPredictor, load_predictor
from limner.segment.training.recipe import StageSettings

Weights = dict[str, Tensor]
INITIAL = "initial"
MIXES = (HALF,)
"""Shares of what was learned that are tested."""


@dataclass(frozen=True)
class FoldStage:
    """What a stage does within a fold: learns by ``learns``, or tests where that is None. first: begins the fold.

    fold: its number; the one after the last is all ground, which is learned from once the folds said that it is worth
    it.
    """

    fold: int
    learns: StageSettings | None
    first: bool = False


class HeldOutTest:
    """Learns on one part of the annotated ground and tests on the other, in turn, and decides what is kept.

    Each fold begins with the initial network. Where there are two, what is kept learns anew from all ground as each
    half was learned from (as cross-validation chooses, and the whole is fitted with what it chose): what one half
    teaches is often half of what both do. A single fold learned from nearly all, and is kept itself.

    Args:
        folds: of the annotated ground; none where it is too small for any.
        source: crops of all ground, of which each fold's are made.
        initial: the run that learning begins with.
        fresh: what the network begins with: the initial run's weights, and outputs that it did not have.
    """

    def __init__(self, folds: Sequence[Fold], source: CropSource, initial: Run, fresh: nn.Module) -> None:
        self.folds, self.initial = folds, initial
        self.places = [block.place for fold in folds for block in fold.tested]
        self.whole, self.sources = source, [source.with_split(fold.split) for fold in folds]
        self.scene = source.statistics()
        self.start = {key: value.detach().clone() for key, value in fresh.state_dict().items()}
        self.old_shapes = {name.removeprefix("network."): shape for name, shape in initial.weight_shapes().items()}

    @property
    def new_outputs(self) -> bool:
        """Whether the network has outputs that the initial run had not: they are kept as learned, whatever the mix."""
        return any(self.old_shapes.get(key, value.shape) != tuple(value.shape) for key, value in self.start.items())

    def stages(self, settings: Sequence[StageSettings], steps: int) -> Iterator[Stage]:
        """Of each fold the recipe's stages, and one that tests; of two folds, the stages on all ground, and one that
        keeps what was decided."""
        for number in range(len(self.folds)):
            of = f" {number + 1}" if len(self.folds) > 1 else ""
            for place, stage in enumerate(settings):
                yield Stage(f"{stage.name}{of}", stage.epochs, steps, settings=FoldStage(number, stage, place == 0))
            yield Stage(f"test{of}", 0, settings=FoldStage(number, None))
        if len(self.folds) > 1:
            for place, stage in enumerate(settings):
                whole = FoldStage(len(self.folds), stage, place == 0)
                yield Stage(f"{stage.name} on all", stage.epochs, steps, settings=whole)
            yield Stage("keep", 0, settings=FoldStage(len(self.folds), None))
        if not self.folds:
            yield Stage("test", 0, settings=FoldStage(0, None))

    def source_of(self, fold: int) -> CropSource:
        """Crops of the ground that a fold learns from; of all, after the last."""
        return self.sources[fold] if fold < len(self.sources) else self.whole

    def test(
        self, fold: int, predictor: SegmentPredictor, read: Any, areas: Mapping[str, Statistics], state: dict[str, Any]
    ) -> Decision | None:
        """Test the fold's network and its mixes on the fold's held-out blocks; after the last fold, decide.

        predictor: around the network as the fold left it; where nothing further is learned, its network then holds what
        is kept, if that is not the initial run. state: what the folds before left, and after it this one, too.
        """
        if not self.folds:
            nothing = np.zeros((0, len(predictor.class_names), len(predictor.class_names)), np.int64)
            return decide(nothing, {}, [])
        network = predictor.network
        learned = {key: value.detach().clone() for key, value in network.state_dict().items()}
        blocks = self.folds[fold].tested
        found = {str(mix): self._counted(self._mixed(predictor, learned, mix), blocks, read, areas) for mix in MIXES}
        parent = load_predictor(self.initial, str(predictor.device))
        statistics = self.scene if parent.normalization("auto") == "scene" else parent.statistics
        alike = replace(parent, precision=predictor.precision, statistics=statistics)
        found[INITIAL] = self._counted(alike, blocks, read, {}, matrices=True)
        tested = state.get("tested", {})
        state["tested"] = {name: [*tested.get(name, ()), torch.from_numpy(each)] for name, each in found.items()}
        if fold < len(self.folds) - 1:
            return None
        counted = {name: np.concatenate([each.numpy() for each in parts]) for name, parts in state["tested"].items()}
        sizes = [len(each) for each in state["tested"][INITIAL]]
        decision = decide(
            counted[INITIAL],
            {mix: counted[str(mix)] for mix in MIXES},
            np.repeat(np.arange(len(sizes)), sizes).tolist(),
            self.places,
        )
        self._mixed(predictor, learned, decision.mix or 0.0)
        return decision

    def keep(self, predictor: SegmentPredictor, decision: Decision) -> None:
        """Mix what was learned from all ground as was decided. predictor: around the network as it was learned."""
        learned = {key: value.detach().clone() for key, value in predictor.network.state_dict().items()}
        self._mixed(predictor, learned, decision.mix or 0.0)

    def _mixed(self, predictor: SegmentPredictor, learned: Weights, mix: float) -> SegmentPredictor:
        """The predictor, its network between its start and what it learned."""
        mixed: Weights = {}
        for key, value in learned.items():
            start = self.start[key].to(value.device)
            mixed[key] = torch.lerp(start, value, mix) if value.is_floating_point() else value
            old = self.old_shapes.get(key, tuple(value.shape))
            if old and old != tuple(value.shape):  # see `new_outputs`
                mixed[key][old[0] :] = value[old[0] :]
        predictor.network.load_state_dict(mixed)
        return predictor

    def _counted(
        self,
        predictor: SegmentPredictor,
        blocks: Sequence[HeldBlock],
        read: Any,
        areas: Mapping[str, Statistics],
        *,
        matrices: bool = False,
    ) -> np.ndarray:
        """Of each block: the histogram of two classes, or the counts where ``matrices`` are asked for or classes are
        more."""
        chips = self.sources[0].data.chips
        counted = []
        for number, window, _ in blocks:
            total = Tally.zero(len(predictor.class_names))
            fitted = fit_ground(predictor, chips[number])
            for cell in predict_cells(fitted, read, number, window, areas.get(chips[number].area)):
                total = total + tally(fitted, cell.probabilities, cell.mask)
            binary = len(predictor.class_names) == 2 and not matrices
            counted.append(total.histogram if binary else total.counts.matrix)
        return np.stack(counted)
