"""What editors and type checkers see of the functions whose options follow from a room: every option by its name.

`limner.train` and the like take what the table of rooms says; tests/test_signatures.py holds this page to it.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, overload

from limner.classify.data.check import ClassCheckReport
from limner.classify.predicting.predictor import PictureClassifier
from limner.detect.data.check import ObjectCheckReport
from limner.detect.predicting.predictor import ObjectDetector
from limner.generate.making.predictor import PictureGenerator
from limner.learning.runs.run import Run
from limner.learning.train import Training
from limner.recolor.methods.analogy.model import AnalogyModel
from limner.segment.data.findings import CheckReport
from limner.segment.predicting.predictor import SegmentPredictor
from limner.translate.data.checks.attributes import AttributeCheckReport
from limner.translate.data.checks.domains import DomainCheckReport
from limner.translate.data.checks.labeled import LabeledCheckReport
from limner.translate.data.checks.pairs import PairCheckReport
from limner.translate.translating.domains import DomainTranslator
from limner.translate.translating.predictor import PictureTranslator

Place = str | Path
Places = Place | Sequence[Place]
Names = str | Sequence[str]
Chosen = str | Mapping[str, Any]
"""A name of a network, a loss and the like, or a dictionary with ``name`` and options."""

@overload
def load(run: Place, device: str = "auto", *, room: Literal["segment"]) -> SegmentPredictor: ...
@overload
def load(run: Place, device: str = "auto", *, room: Literal["generate"]) -> PictureGenerator: ...
@overload
def load(run: Place, device: str = "auto", *, room: Literal["classify"]) -> PictureClassifier: ...
@overload
def load(run: Place, device: str = "auto", *, room: Literal["detect"]) -> ObjectDetector: ...
@overload
def load(run: Place, device: str = "auto", *, room: Literal["translate"]) -> PictureTranslator | DomainTranslator: ...
@overload
def load(run: Place, device: str = "auto", *, room: Literal["recolor"]) -> AnalogyModel: ...
@overload
def load(run: Place, device: str = "auto", *, room: str | None = None) -> Any: ...
def train(
    recipe: Place,
    *,
    data: Places = (),
    overrides: Sequence[str] = (),
    out: Place | None = None,
    overwrite: bool = False,
    # every recipe
    seed: int = ...,
    loop: Mapping[str, Any] = ...,
    batch: int = ...,
    epochs: int = ...,
    loss: Chosen = ...,
    schedule: Chosen = ...,
    # recipes that map
    network: Chosen = ...,
    optimizer: Chosen = ...,
    normalize: Literal["run", "area", "initial", "data", "network", "unit", "signed"] = ...,
    initial: Place | None = ...,
    keep_if_better: bool = ...,
    threshold: Literal["half", "calibrated", "scene"] = ...,
    borders: Chosen = ...,
    decoder_epochs: int = ...,
    steps_per_epoch: int | None = ...,
    keep_by: Literal["f1", "loss", "accuracy"] = ...,
    stages: Sequence[Mapping[str, Any]] = ...,
    # how their data is read
    labels: Place | None = ...,
    within: Place | None = ...,
    masks: str | None = ...,
    group: str | None = ...,
    mosaic: bool | None = ...,
    classes: Names | None = ...,
    target: str | None = ...,
    label_field: str | None = ...,
    chip_px: int | None = ...,
    upright_labels: bool | None = ...,
    layer: str | None = ...,
    within_layer: str | None = ...,
    bands: Sequence[int] | str | None = ...,
    to_ground_m: float | None = ...,
    areas: Names | None = ...,
    leave_out: Names | None = ...,
    # recipes that generate
    prior: Chosen = ...,
    generator: Chosen = ...,
    discriminator: Chosen = ...,
    spectral_norm: Literal["none", "discriminator", "both", "attention"] = ...,
    initialization: Chosen = ...,
    penalties: Mapping[str, Any] = ...,
    generator_optimizer: Chosen = ...,
    discriminator_optimizer: Chosen = ...,
    clip_gradients: float | None = ...,
    discriminator_steps: int = ...,
    generator_batch: Literal["shared", "own"] = ...,
    discriminate: Literal["apart", "together"] = ...,
    average: Chosen = ...,
    augment: Chosen = ...,  # of recipes that classify, a dictionary of its settings
    kimg: float | None = ...,
    encoder: Chosen = ...,
    latent_optimization: Mapping[str, Any] = ...,
    scores: Mapping[str, Any] = ...,
    words: Mapping[str, Any] = ...,
    second: Mapping[str, Any] = ...,
    interpolate: bool = ...,
    divergence: float = ...,
    rest_above: float = ...,
    filled_above: float = ...,
    likelihood: int = ...,
    likelihood_rate: float = ...,
    anchor: float = ...,
    bars: int = ...,
    generator_steps: int = ...,
    smoothing: float = ...,
    feature_means: float = ...,
    sample_means: float = ...,
    match_features: bool = ...,
    rest_below: float = ...,
    pretraining: int = ...,
    # recipes that transfer colors
    color_weight: float = ...,
    structure_weight: float = ...,
    roughness_weight: float = ...,
    range_weight: float = ...,
    # recipes that classify
    balance: bool = ...,
    contrast: Literal["none", "global", "local"] = ...,
    whiten: float | None = ...,
    body_factor: float = ...,
    greedy_layers: int = ...,
    head_epochs: int = ...,
    # recipes that translate
    degrade: Chosen = ...,
    see_mask: bool = ...,
    content: Sequence[Chosen] = ...,
    adversarial: float = ...,
    discriminator_sees: Literal["pair", "target", "hole"] = ...,
    discriminator_weight: float = ...,
    mask_penalty: float = ...,
    first_frame: float = ...,
    gradient_penalty: float = ...,
    warmup_epochs: int = ...,
    warmup_content: Sequence[Chosen] = ...,
    statistics: Literal["training", "picture"] = ...,
    dropout_in_use: bool = ...,
    # recipes that detect, and how their data is read
    warmup_steps: int = ...,
    clip: float = ...,
    objects: Names | None = ...,
    regions: str | None = ...,
    # recipes that translate without pairs
    cycle: float = ...,
    identity: float = ...,
    pool: int = ...,
    class_loss: float = ...,
    extractor: Chosen = ...,
    extractor_optimizer: Chosen = ...,
    extractor_epochs: int = ...,
    constancy: float = ...,
    total_variation: float = ...,
    # recipes that draw pictures again with other attributes
    latent_encoder: Chosen = ...,
    attribute_encoder: Chosen = ...,
    wrong_attributes: bool = ...,
    encoder_optimizer: Chosen = ...,
    encoder_epochs: int = ...,
    **settings: Any,
) -> Training: ...
def evaluate(
    run: Place | Run,
    *,
    data: Places = (),
    device: str = "auto",
    out: Place | None = None,
    # runs that map
    left_out: bool = ...,
    normalize: Literal["auto", "run", "scene"] = ...,
    harmonize: Literal["mkl", "idt", "histogram", "reinhard"] | None = ...,
    harmonize_to: str | None = ...,
    ensemble: Sequence[str] | None = ...,
    threshold: float | Literal["auto"] | None = ...,
    tta: bool = ...,
    crf: bool = ...,
    crf_smooth_weight: float = ...,
    crf_smooth_px: float = ...,
    crf_color_weight: float = ...,
    crf_color_px: float = ...,
    crf_color_std: float = ...,
    crf_steps: int = ...,
    errors: Place | None = ...,
    labels: Place | None = ...,
    within: Place | None = ...,
    masks: str | None = ...,
    group: str | None = ...,
    mosaic: bool | None = ...,
    classes: Names | None = ...,
    target: str | None = ...,
    label_field: str | None = ...,
    chip_px: int | None = ...,
    upright_labels: bool | None = ...,
    layer: str | None = ...,
    within_layer: str | None = ...,
    bands: Sequence[int] | str | None = ...,
    to_ground_m: float | None = ...,
    areas: Names | None = ...,
    leave_out: Names | None = ...,
    # runs that generate
    features: Literal["inception", "efficientnet-lite0"] | None = ...,
    samples: int | None = ...,
    seed: int = ...,
    resamples: int = ...,
    # runs that classify
    mistakes: Place | None = ...,
    robustness: bool = ...,
    suspects: Place | None = ...,
    # runs that detect
    objects: Names | None = ...,
    regions: str | None = ...,
    missed: Place | None = ...,
    # runs that translate
    channel: Literal["y", "rgb"] | None = ...,
    border_px: int | None = ...,
    **options: Any,
) -> Any: ...
def compare(
    runs: Place | Sequence[Place],
    *,
    device: str = "auto",
    columns: Names = ...,
    # runs that map
    gains: bool = ...,
    class_name: str | None = ...,
    # runs that generate
    data: Place | None = ...,
    features: Literal["inception", "efficientnet-lite0"] | None = ...,
    samples: int | None = ...,
    seed: int = ...,
    **options: Any,
) -> Any: ...
def check(
    data: Places,
    *,
    room: str = "segment",
    sheet: Place | None = None,
    labels: Place | None = ...,
    within: Place | None = ...,
    masks: str | None = ...,
    group: str | None = ...,
    mosaic: bool | None = ...,
    classes: Names | None = ...,
    target: str | None = ...,
    label_field: str | None = ...,
    chip_px: int | None = ...,
    upright_labels: bool | None = ...,
    layer: str | None = ...,
    within_layer: str | None = ...,
    bands: Sequence[int] | str | None = ...,
    to_ground_m: float | None = ...,
    areas: Names | None = ...,
    leave_out: Names | None = ...,
    # pictures with classes
    class_folder: Literal["first", "innermost"] = ...,
    torchvision: str | None = ...,
    # pictures with objects
    objects: Names | None = ...,
    regions: str | None = ...,
    # pairs
    source: str = ...,
    joined: Literal["no", "source-left", "source-right"] = ...,
    # domains
    domains: bool = ...,
    # a source with classes and a target, or pictures with attributes
    source_classes: bool = ...,
    table: str | None = ...,
    **options: Any,
) -> (
    CheckReport
    | ClassCheckReport
    | ObjectCheckReport
    | PairCheckReport
    | DomainCheckReport
    | LabeledCheckReport
    | AttributeCheckReport
): ...
