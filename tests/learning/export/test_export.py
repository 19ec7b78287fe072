"""Exported networks: raw pixels in, the run's answers out, at any size, and nothing kept that answers otherwise."""

import json
from collections.abc import Callable
from pathlib import Path
from zipfile import ZipFile

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from drawing import draw_scene
from export_formats import FORMATS, needs_onnx
from limner.adversarial.latents.settings import LatentOptimization
from limner.classify.data.preprocessing import Preprocessing
from limner.classify.networks import NETWORKS as CLASSIFIERS
from limner.classify.predicting import exported as exported_classifier
from limner.classify.predicting.predictor import PictureClassifier
from limner.detect.data.pictures import Sizing
from limner.detect.networks import NETWORKS as DETECTORS
from limner.detect.predicting import exported as exported_detector
from limner.detect.predicting.predictor import ObjectDetector
from limner.foundation.errors import UserError
from limner.generate.making import exported as exported_generator
from limner.generate.making.predictor import PictureGenerator
from limner.generate.networks import GENERATORS
from limner.learning.recipes.recipe import Choice
from limner.learning.runs.export.export import export
from limner.learning.runs.export.exportable import Exportable, same_objects
from limner.learning.runs.export.files import open_onnx, open_torch
from limner.learning.runs.export.formats import check_format
from limner.learning.runs.run import Run
from limner.segment.mapping.map_scenes import map_scenes
from limner.segment.predicting.exported import load_exported
from limner.segment.predicting.predictor import load_predictor
from limner.translate.networks import GENERATORS as TRANSLATORS
from limner.translate.translating import exported as exported_translator
from limner.translate.translating.predictor import make_translator

SMALL = {"tile_px": 96, "overlap_px": 32, "polygons": "none"}
Limner = Callable[..., tuple[int, str, str]]


def run_of(task: str, folder: Path) -> Run:
    folder.mkdir()
    run = Run(folder)
    run.save_model({"a": torch.zeros(1)}, {"task": task})
    return run


@pytest.fixture(scope="module")
def graph(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run of the fixture as ONNX."""
    return export(trained / "run", out=tmp_path_factory.mktemp("onnx") / "town.onnx").path


@needs_onnx
def test_a_map_of_the_file_is_the_runs(trained: Path, graph: Path, here: Path) -> None:
    scene = draw_scene(here / "s.tif")
    (of_run,) = map_scenes(trained / "run", scene, "of-run", precision="fp32", **SMALL)
    (of_file,) = map_scenes(graph, scene, "of-file", **SMALL)
    assert of_file.pixels == pytest.approx(of_run.pixels, rel=0.01)
    (both,) = map_scenes([trained / "run", graph], scene, "both", precision="fp32", **SMALL)
    assert both.pixels == pytest.approx(of_run.pixels, rel=0.01)


@needs_onnx
def test_the_file_takes_raw_pixels_of_any_size_and_says_what_they_mean(trained: Path, graph: Path) -> None:
    predictor = load_predictor(Run(trained / "run"), "cpu", "fp32")
    answer, metadata = open_onnx(graph)
    pixels = np.random.default_rng(0).integers(0, 255, (2, predictor.channels, 77, 45)).astype(np.uint8)
    expected = predictor.probabilities(pixels, np.ones((2, 77, 45), bool))
    np.testing.assert_allclose(answer([torch.from_numpy(pixels).float()]).numpy(), expected, atol=1e-4)
    assert json.loads(metadata["class_names"]) == {str(n): name for n, name in enumerate(predictor.class_names)}
    assert json.loads(metadata["model_type"]) == "Segmentor"
    assert json.loads(metadata["seg_thresh"]) == predictor.threshold
    assert (json.loads(metadata["tile_size"]), json.loads(metadata["tiles_overlap"])) == (512, 37)


@needs_onnx
def test_a_file_becomes_the_predictor_again(trained: Path, graph: Path) -> None:
    ours, run = load_exported(graph), load_predictor(Run(trained / "run"), "cpu", "fp32")
    for name in ("channels", "class_names", "statistics", "threshold", "ground_m", "normalize", "bands", "dtype"):
        assert getattr(ours, name) == getattr(run, name)


@needs_onnx
def test_deepness_gets_tiles_of_its_size_and_range(trained: Path, here: Path) -> None:
    path = export(trained / "run", deepness=True, out=here / "qgis.onnx").path
    answer, _ = open_onnx(path)
    predictor = load_predictor(Run(trained / "run"), "cpu", "fp32")
    pixels = np.random.default_rng(0).integers(0, 255, (1, predictor.channels, 512, 512)).astype(np.uint8)
    expected = predictor.probabilities(pixels, np.ones((1, 512, 512), bool))
    np.testing.assert_allclose(answer([torch.from_numpy(pixels).float() / 255]).numpy(), expected, atol=1e-4)
    with pytest.raises(UserError, match="was not written by limner export"):
        load_exported(path)  # its pixels are of another range


def test_torchscript_answers_alike_and_carries_the_names(trained: Path, here: Path, limner: Limner) -> None:
    code, out, error = limner("export", trained / "run", "--format", "torch")
    assert (code, out) == (0, "run.pt\n")
    assert error.startswith("TorchScript answers like torch (")
    assert error.count("% of the pixels in the same class") == 3
    answer, metadata = open_torch(here / "run.pt")
    assert answer([torch.rand(1, 3, 40, 50) * 255]).shape[2:] == (40, 50)
    assert "class_names" in metadata
    code, _, error = limner("export", trained / "run", "--format", "torch")
    assert (code, error) == (2, "limner: run.pt is there already; add --overwrite, or name another file with --out\n")


def test_torchscript_holds_nothing_of_who_wrote_it_and_where(trained: Path, here: Path) -> None:
    """Call stacks and the name of the temporary file would make each export another file, with this machine's paths."""
    written = export(trained / "run", format="torch", out=here / "a.pt").path
    assert str(Path(torch.__file__).parent).encode() not in written.read_bytes()
    assert str(Path(__file__).parent).encode() not in written.read_bytes()
    with ZipFile(written) as archive:
        assert {name.split("/")[0] for name in archive.namelist()} == {"archive"}


def classifier() -> PictureClassifier:
    torch.manual_seed(0)
    return PictureClassifier(
        network=CLASSIFIERS["lenet"](channels=1, classes=3).eval(), class_names=("a", "b", "c"), size_px=28, crop_px=28,
        colors="gray", fit="crop", preprocessing=Preprocessing((0.5,), (0.25,)), device=torch.device("cpu"),
    )  # fmt: skip


def generator(classes: int = 0) -> PictureGenerator:
    torch.manual_seed(0)
    network = GENERATORS["light"](size_px=32, channels=3, classes=classes, width=4)
    return PictureGenerator(
        network=network.eval(), size_px=32, colors="rgb", channels=3, class_names=tuple("abc"[:classes]),
        class_counts=(1,) * classes, latent=int(network.latent), prior=Choice("normal", {}), truncation=None,
        device=torch.device("cpu"),
    )  # fmt: skip


def translator(**more: object) -> object:
    torch.manual_seed(0)
    given = {
        "inputs": 3, "outputs": 3, "scale": 2, "colors": "rgb", "source_colors": "rgb", "degrade_name": "smaller",
        "degrade_options": {}, "see_mask": False, "picture_statistics": False, "dropout": False,
        "device": torch.device("cpu"), "own": True, **more,
    }  # fmt: skip
    network = TRANSLATORS["light-residual"](inputs=3, outputs=3, scale=given["scale"], width=4, blocks=1)
    return make_translator(network.eval(), **given)  # type: ignore[arg-type]


@needs_onnx
@pytest.mark.parametrize(
    ("task", "module", "loader", "make"),
    [
        ("classify", exported_classifier, "load_classifier", classifier),
        ("generate", exported_generator, "load_generator", generator),
        ("generate", exported_generator, "load_generator", lambda: generator(3)),
        ("translate-pairs", exported_translator, "load_for", translator),
    ],
    ids=["classify", "generate", "generate-classes", "translate"],
)
def test_other_rooms_are_exported_and_checked_alike(
    task: str, module: object, loader: str, make: Callable[[], object], here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, loader, lambda *_: make())
    run = run_of(task, here / "net")
    for format in ("onnx", "torch"):
        done = export(run, format, overwrite=True)
        assert done.path.exists()
        assert done.line.count("at most ") == 3


def test_what_needs_more_than_a_picture_is_refused(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exported_translator, "load_for", lambda *_: translator(frames=4))
    with pytest.raises(UserError, match="makes the next frame of a clip, and needs more than a picture"):
        export(run_of("translate-pairs", here / "next"), "torch")
    monkeypatch.setattr(exported_translator, "load_for", lambda *_: translator(frames=2, frame="between"))
    with pytest.raises(UserError, match="makes frames between others of a clip, and needs more than a picture"):
        export(run_of("translate-pairs", here / "between"), "torch")
    moving = LatentOptimization(step="natural", sampling_steps=2)
    monkeypatch.setattr(
        exported_generator,
        "load_generator",
        lambda *_: PictureGenerator(**{**vars(generator()), "latent_optimization": moving}),
    )
    with pytest.raises(UserError, match="moves each latent by gradients"):
        export(run_of("generate", here / "logan"), "torch")
    with pytest.raises(UserError, match="runs of the room recolor cannot be exported; those of segment,"):
        export(run_of("recolor-analogy", here / "colors"), "torch")
    with pytest.raises(UserError, match="--to names a domain that a run of translate makes pictures of; leave it out"):
        export(run_of("classify", here / "numbers"), "torch", to="seven")
    with pytest.raises(UserError, match="--deepness is for maps in ONNX"):
        export(run_of("classify", here / "digits"), "torch", deepness=True)


def detector(name: str, **options: object) -> ObjectDetector:
    torch.manual_seed(0)
    network = DETECTORS[name](channels=3, classes=3, **options).eval()
    return ObjectDetector(network, ("a", "b", "c"), Sizing(64, 96), 0.5, torch.device("cpu"))


REGIONS = {"width": 16, "hidden": 16, "pretrained": False}


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize(
    ("name", "options", "columns"),
    [
        ("faster-rcnn", REGIONS, 6),
        ("mask-rcnn", {**REGIONS, "mask_width": 8}, 790),
        ("yolo-small", {"size_px": 64, "maps": 16, "pretrained": False}, 6),
    ],
)
def test_detectors_give_a_table_of_objects(
    name: str, options: dict[str, object], columns: int, format: str, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = detector(name, **options)
    monkeypatch.setattr(exported_detector, "load_detector", lambda *_: ours)
    done = export(run_of("detect", here / "net"), format)
    assert done.line.count("100.0% of the objects the same") == 3
    answer, metadata = (open_onnx if format == "onnx" else open_torch)(done.path)
    assert json.loads(metadata["class_names"]) == {"0": "a", "1": "b", "2": "c"}
    assert json.loads(metadata["threshold"]) == 0.5

    height, width = (64, 64) if name == "yolo-small" else (64, 90)  # of no example, nor a multiple of the stride
    pixels = np.random.default_rng(3).integers(0, 255, (height, width, 3)).astype(np.uint8)
    (expected,) = ours.detect_all([torch.from_numpy(pixels).permute(2, 0, 1)], [(width, height)])
    middle = len(expected.scores) // 2
    least = float(expected.scores[middle - 1 : middle + 1].mean())
    some = expected.scores > least
    assert 0 < some.sum() < len(some)
    picture = torch.from_numpy(pixels).permute(2, 0, 1)[None].float()
    found = answer([picture, torch.tensor(least)])
    assert found.shape[1] == columns
    rows = torch.cat([expected.boxes[some], expected.scores[some, None], expected.labels[some, None].float()], 1)
    assert same_objects(rows, found[found[:, 4] > least, :6]) == 1
    if expected.masks is not None:
        assert 0 <= found[:, 6:].min() < found[:, 6:].max() <= 1


def test_regions_from_selective_search_are_no_network_to_export(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exported_detector, "load_detector", lambda *_: detector("fast-rcnn", pretrained=False))
    with pytest.raises(UserError, match="takes its regions from selective search, which is no network; runs of faster"):
        export(run_of("detect", here / "boxes"), "torch")


def test_objects_that_differ_are_told() -> None:
    boxes = torch.tensor([[0.0, 0, 9, 9, 0.5, 1], [2, 2, 5, 5, 0.25, 0]])
    assert same_objects(boxes, boxes.flip(0)) == 1
    for column, change in ((0, 0.6), (3, -0.6), (4, 0.002), (5, 1.0)):
        other = boxes.clone()
        other[1, column] += change
        assert same_objects(boxes, other) == 0.5, column
    assert same_objects(boxes, boxes[:1]) == same_objects(boxes[:1], boxes) == 0.5
    outlined = torch.cat([boxes, torch.zeros(2, 4)], 1)
    assert same_objects(outlined, outlined + torch.tensor([0.0] * 6 + [0.0] * 3 + [1.0])) == 0


class Forgetful(nn.Module):
    """Answers otherwise at another size than it was traced at."""

    def forward(self, picture: Tensor) -> Tensor:
        return picture + int(picture.shape[3])


class Fixed(nn.Module):
    """Takes pictures of one width alone, once traced."""

    def forward(self, picture: Tensor) -> Tensor:
        return picture.reshape(1, 1, 4, int(picture.shape[3]))


@pytest.mark.parametrize(
    ("module", "width", "says"),
    [(Forgetful, 8, r"1 x 1 x 4 x 8: at most 1.6e-02 apart\)"), (Fixed, 1, "1 x 1 x 4 x 1: it fails: ")],
)
def test_a_file_that_answers_otherwise_or_fails_is_not_kept(
    module: type[nn.Module], width: int, says: str, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pictures = ((torch.zeros(1, 1, 4, 4),), (torch.zeros(1, 1, 4, width),))
    bad = Exportable(module(), ("picture",), "made", pictures, {}, "pictures", {})
    monkeypatch.setattr(exported_classifier, "exportable", lambda _: bad)
    with pytest.raises(UserError, match=rf"answers otherwise than torch \({says}"):
        export(run_of("classify", here / "digits"), "torch", out=here / "digits.pt")
    assert not list(here.glob("digits.pt*"))


@needs_onnx
def test_a_strangers_onnx_file_is_refused(here: Path, limner: Limner) -> None:
    draw_scene(here / "s.tif")
    (here / "bad.onnx").write_bytes(b"no graph")
    code, _, error = limner("segment", "bad.onnx", "s.tif")
    assert code == 2 and error.startswith("limner: bad.onnx: ONNX Runtime cannot read it (")
    code, _, error = limner("segment", "gone.onnx", "s.tif")
    assert code == 2 and "gone.onnx" in error
    assert not (here / "maps").exists()


def test_a_format_without_its_packages_is_refused_with_the_command_that_installs_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("limner.learning.runs.export.formats.find_spec", lambda _: None)
    with pytest.raises(UserError, match=r"^--format onnx needs onnx and onnxruntime: pip install 'limner\[export\]'$"):
        check_format("onnx")
    check_format("torch")
    with pytest.raises(UserError, match="format is 'coreml'; needed: one of onnx, torch"):
        check_format("coreml")
