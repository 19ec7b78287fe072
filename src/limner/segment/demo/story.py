"""What the demo of maps makes, and where: its places, and its three acts."""

from dataclasses import dataclass
from pathlib import Path

from limner.learning.train import Training
from limner.segment.mapping.record import SceneMap
from limner.segment.refining.refine import Refinement

BUNDLED = "buildings"
LEARNED = (
    *(f"kampala-{number}" for number in (1, 2, 3, 4, 5)),
    *(f"dubai-{number}" for number in (1, 3, 5, 6, 8)),
)
GROUND = ("--data.to-ground-m", "0.3")
"""At the 0.15 m of the drone's pictures a crop shows little around a house."""
REFINE = ("--epochs", "2")


@dataclass(frozen=True)
class Steps:
    """Settings of the demo's two trainings. train: of the one on other places. refine: of the one on the scene."""

    train: tuple[str, ...] = ()
    refine: tuple[str, ...] = REFINE


AS_PLANNED = Steps()
HALF = Steps(("--steps-per-epoch", "20"), ("--epochs", "1"))
"""For processors without bf16, where a step takes more than twice as long."""
FEW = Steps(("--steps-per-epoch", "2", "--epochs", "1"), ("--steps-per-epoch", "2", "--epochs", "1"))
"""To see that all works."""


@dataclass(frozen=True)
class Places:
    """Where the demo's files lie. out: the demo's folder. fraction: of the scene that is annotated."""

    out: Path
    fraction: float = 0.07

    @property
    def folder(self) -> Path:
        """The copy of the bundled places."""
        return self.out / "places"

    @property
    def scene(self) -> Path:
        """The scene of the town that is mapped."""
        return self.folder / "banepa/images/banepa.tif"

    @property
    def truth(self) -> Path:
        """Its mask."""
        return self.folder / "banepa/masks/banepa.tif"

    @property
    def buildings(self) -> Path:
        """The same truth as polygons: only they tell roofs apart that touch."""
        return self.folder / "banepa/buildings.geojson"

    @property
    def run(self) -> Path:
        """The run that never saw the town."""
        return self.out / "run"

    @property
    def refined(self) -> Path:
        """The refined run."""
        return self.out / "refined"

    @property
    def first(self) -> Path:
        """The bundled model's map."""
        return self.out / "first"

    @property
    def plain(self) -> Path:
        """The map by the training areas' colors."""
        return self.out / "plain"

    @property
    def normalized(self) -> Path:
        """The map by the scene's own colors."""
        return self.out / "normalized"

    @property
    def maps(self) -> Path:
        """The refined run's map."""
        return self.out / "maps"


@dataclass(frozen=True)
class Unseen:
    """Act 2: the training, and its maps of the scene by the training areas' colors, and by the scene's own."""

    training: Training
    plain: SceneMap
    normalized: SceneMap


@dataclass(frozen=True)
class Refined:
    """Act 3: the refinement, and the map that it makes."""

    refinement: Refinement
    map: SceneMap


@dataclass(frozen=True)
class Story:
    """What the demo has made so far, act by act. steps: how long it learns."""

    first: SceneMap
    steps: Steps = AS_PLANNED
    unseen: Unseen | None = None
    refined: Refined | None = None
