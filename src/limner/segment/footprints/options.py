"""What decides the polygons of a map. Imports no torch, and nothing else that takes time."""

from dataclasses import dataclass
from typing import Annotated, Literal

from cyclopts import Parameter

from limner.foundation.errors import UserError

SQUARED_M = 1.0
"""What is squared has no teeth of less than about this size before."""
Split = Literal["auto", "yes", "no"]
UNKNOWN_GROUND_M = 0.2
"""What a pixel is taken to cover where objects are to be split and nobody says."""


@dataclass(frozen=True)
class Splitting:
    """How objects of one class are told apart, in pixels of the map.

    opening_px: what is narrower than twice this is cut off. smoothing_px: std of a Gaussian over the distances, so that
    a ragged border has no peaks of its own. distance_px: peaks stand at least so far apart. neck: two parts are two
    objects where the neck between them is narrower than this share of the smaller part's width. hole_px: enclosed
    ground of at most so many pixels is filled. learned_smoothing_px, learned_neck: the same where a network tells how
    far inside its object each pixel lies: parts are objects where that falls, between them, below this share of the
    lower peak.
    """

    opening_px: float
    smoothing_px: float
    distance_px: float
    neck: float
    hole_px: int
    learned_smoothing_px: float = 0.0
    learned_neck: float = 1.0

    @property
    def reach_px(self) -> int:
        """How far away a pixel can decide about another: farther than most objects are wide."""
        smoothing_px = max(self.smoothing_px, self.learned_smoothing_px)
        return int(20 * self.distance_px + 4 * smoothing_px + 2 * self.opening_px) + 8


@dataclass(frozen=True)
class FootprintOptions:
    """Which polygons a map gets; the defaults were chosen by measurement, see docs/results/footprints.md.

    Lengths and areas are meters on the ground. Where nobody says how large a pixel is, objects are not split unless
    asked, holes stay, and ``minimum_area_px`` holds. Raises `UserError` for values that cannot be.
    """

    minimum_area_m2: Annotated[float, Parameter(help="Smaller polygons are dropped.")] = 8.0
    minimum_area_px: Annotated[int, Parameter(help="The same where the size of a pixel is not known.")] = 16
    fill_holes_m2: Annotated[float, Parameter(help="Holes in objects up to this area are filled.")] = 8.0
    split: Annotated[
        Split, Parameter(help="Tell objects apart that touch; auto: in maps of one class against the rest.")
    ] = "auto"
    opening_m: Annotated[float, Parameter(help="Splitting cuts off what is narrower than twice this.")] = 0.15
    smoothing_m: Annotated[float, Parameter(help="Splitting smooths distances from the border by this std.")] = 0.3
    distance_m: Annotated[float, Parameter(help="Middles of parts lie at least so far apart.")] = 1.0
    neck: Annotated[
        float, Parameter(help="Parts are objects where the neck between is narrower than this share of their width.")
    ] = 0.9
    learned_smoothing_m: Annotated[
        float, Parameter(help="Where the network learned borders, its insides are smoothed by this std.")
    ] = 0.8
    learned_neck: Annotated[
        float, Parameter(help="There, parts are objects where their insides fall below this share between them.")
    ] = 0.85
    simplify_px: Annotated[float, Parameter(help="How much outlines are simplified; 0: every pixel's corner.")] = 2.5

    regularize: Annotated[
        bool, Parameter(negative=(), help="Square buildings: right angles, shared walls stay shared.")
    ] = False

    def __post_init__(self) -> None:
        if self.split not in ("auto", "yes", "no"):
            raise UserError(f"split is {self.split!r}; needed: auto, yes or no")
        if self.minimum_area_px < 0:
            raise UserError(f"minimum_area_px is {self.minimum_area_px}; needed: 0 or more pixels")
        if not 0 <= self.simplify_px < float("inf"):
            raise UserError(f"simplify_px is {self.simplify_px}; needed: 0 or more pixels")
        for name, unit in (
            ("minimum_area_m2", "square meters"), ("fill_holes_m2", "square meters"), ("opening_m", "meters"),
            ("smoothing_m", "meters"), ("distance_m", "meters"), ("learned_smoothing_m", "meters"),
        ):  # fmt: skip
            value = getattr(self, name)
            if not 0 <= value < float("inf"):
                raise UserError(f"{name} is {value:g}; needed: 0 or more {unit}")
        for name in ("neck", "learned_neck"):
            if not 0 <= getattr(self, name) <= 1:
                raise UserError(f"{name} is {getattr(self, name):g}; needed: a share of an object's width, 0 to 1")

    def minimum_px(self, ground_m: float | None) -> int:
        """The least area in pixels that cover ``ground_m`` meters an edge (None: nobody knows)."""
        return self.minimum_area_px if ground_m is None else max(1, round(self.minimum_area_m2 / ground_m**2))

    def squaring_px(self, ground_m: float | None) -> float | None:
        """How much outlines are simplified before they are squared, in pixels; None: they are not squared."""
        return max(self.simplify_px, SQUARED_M / (ground_m or UNKNOWN_GROUND_M)) if self.regularize else None

    def splitting(self, ground_m: float | None, classes: int) -> Splitting | None:
        """How objects are told apart in a map of so many classes; None: they are not."""
        wanted = self.split == "yes" or (self.split == "auto" and classes == 2 and ground_m is not None)
        if not wanted:
            return None
        edge = ground_m or UNKNOWN_GROUND_M
        holes = 0 if ground_m is None else round(self.fill_holes_m2 / edge**2)
        return Splitting(
            self.opening_m / edge, self.smoothing_m / edge, self.distance_m / edge, self.neck, holes,
            self.learned_smoothing_m / edge, self.learned_neck,
        )  # fmt: skip


AS_MEASURED = FootprintOptions()
