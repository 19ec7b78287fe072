"""What the contract of all recipes needs to know of each room: tiny data, settings for two steps, how to predict."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn
from torchvision import models
from torchvision.models import vgg
from torchvision.models.resnet import BasicBlock, ResNet

from drawing import draw_area
from drawn_pictures import draw_shape, save_boxes
from limner.classify.networks import alexnet, densenet, googlenet, resnet
from limner.classify.training import task as classify_task
from limner.datasets.world.rendering import clip_of, voxels_of
from limner.datasets.world.solids import draw_solid
from limner.fidelity.features import FeatureExtractor
from limner.segment.networks import residual_unet, unet
from limner.translate.measures import feature_distance
from quick_features import mean_colors
from tiny_maps import FewMaps

DENSE = ("unet-valid", "fcn", "segnet", "deconvnet", "dilated")
"""Networks of the room segment that have a width."""
WITHOUT_WEIGHTS = ("kmeans-linear", "lenet", "lenet-1998", "googlenet", "alexnet-two-towers")
"""Networks of the room classify whose weights nobody publishes."""


@dataclass(frozen=True)
class Contract:
    """A room's part.

    draw: writes data into a folder and gives what ``--data`` takes. settings: for two steps of a recipe in each of its
    stages. steps: how many a recipe with these settings takes. slim: makes what is large small. use: has a predictor
    predict, and checks what comes out. left: files of a run beside those of all rooms. place: which of what was drawn a
    recipe takes.
    """

    draw: Callable[[Path], Path]
    settings: Callable[[Any], list[str]]
    steps: Callable[[Any], int]
    slim: Callable[[pytest.MonkeyPatch], None]
    use: Callable[[Any, Path], None]
    left: tuple[str, ...] = ()
    place: Callable[[Any, Path], Path] = lambda recipe, drawn: drawn


def draw_no_curves(rows: object, path: Path) -> None:
    """Takes the place of `limner.reporting.report.draw_curves`, which takes half a second: one pixel."""
    Image.new("L", (1, 1)).save(path)


def _stages(recipe: Any) -> list[str]:
    if not recipe.stages:
        return [f"--epochs={2 if recipe.decoder_epochs else 1}"]
    kept = ", ".join(f"{{name: {stage.name}, epochs: 1, train: {stage.train}}}" for stage in recipe.stages)
    return [f"--stages=[{kept}]"]


def _map_settings(recipe: Any) -> list[str]:
    crops = "--steps-per-epoch 2 --batch 2 --data.tile-px 96 --data.crop-px 64 --data.stride-px 64"
    narrow = ["--network.width=0.125"] if recipe.network.name in DENSE else []
    return [*crops.split(), *narrow, *_stages(recipe)]


def _map_steps(recipe: Any) -> int:
    return 2 * sum(stage.epochs for stage in recipe.all_stages())


def _slim_maps(patch: pytest.MonkeyPatch) -> None:
    """One unit a block, an eighth of the maps; the networks at their full size are in test_networks_learn.py."""
    make_layer = ResNet._make_layer
    patch.setattr(residual_unet, "UNITS", {depth: (BasicBlock, [1, 1, 1, 1]) for depth in residual_unet.UNITS})
    patch.setattr(residual_unet, "MAPS", tuple(maps // 8 for maps in residual_unet.MAPS))
    patch.setattr(ResNet, "_make_layer", lambda self, unit, maps, *rest, **more: (
        make_layer(self, unit, maps // 8 if isinstance(self, residual_unet.ResidualEncoder) else maps, *rest, **more)
    ))  # fmt: skip
    patch.setattr(unet, "MAPS", (8, 16, 32, 64))
    patch.setattr(unet, "BOTTOM_MAPS", 128)


def _map(predictor: Any, data: Path) -> None:
    classes = predictor.predict(data / "images/0.tif")
    assert (classes.shape, classes.dtype) == ((96, 96), np.uint8)
    assert set(np.unique(classes)) <= {0, 1}


def _draw_boxes(folder: Path) -> Path:
    for name, first in (("low", 0), ("high", 100)):
        save_boxes(folder / name, 16, first=first)
    files = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.png"))
    rows = [f"{file},a box of {file.partition('/')[0]} number" for file in files]
    np.savez(folder / "clips.npz", videos=np.stack([clip_of(draw_solid(0, each), 16, 8) for each in range(20)]))
    np.savez(folder / "solids.npz", voxels=np.stack([voxels_of(draw_solid(0, each), 16) for each in range(20)]))
    (folder / "captions.csv").write_text("\n".join(["file,caption", *rows]) + "\n", encoding="utf-8")
    (folder / "clips").mkdir()
    videos = np.random.default_rng(0).integers(0, 256, (20, 3, 16, 16, 3), np.uint8)
    np.savez(folder / "clips/clips.npz", videos=videos)
    told = [f"{number:06d},a box moves {('left', 'right')[number % 2]}" for number in range(20)]
    (folder / "clips/captions.csv").write_text("\n".join(["file,caption", *told]) + "\n", encoding="utf-8")
    scale = "CDEFGABcdefgab"
    tunes = [
        f"X:{number}\nM:4/4\nL:1/4\nK:C\n" + "|".join(scale[number % 11 :][:4] + scale[bar:][:4] for bar in range(5))
        for number in range(11)
    ]
    (folder / "tunes.abc").write_text("\n\n".join(tunes).replace("L:1/4", "L:1/8"), encoding="utf-8")
    return folder


def _media_settings(recipe: Any) -> list[str]:
    small = "--kimg 0.008 --batch 4 --data.held-out 4 --scores.samples 16"
    if recipe.task == "generate-text":
        small += " --words.steps 2 --words.batch 4 --words.code 8 --generator.text 8 --discriminator.text 8"
        if recipe.second.generator.name != "none":
            small += " --second.kimg 0.008"
            for network in ("generator", "discriminator"):
                small += f" --second.{network}.width 4 --second.{network}.text 8"
    if recipe.task == "generate-clips":
        small += " --data.size-px 16 --generator.latent 4"
    if recipe.task == "generate-voxels":
        small += " --data.side 16 --generator.latent 4"
    if recipe.task == "generate-captions":
        return [
            *small.split(),
            *["--likelihood", "2", "--data.size-px", "16", "--data.frames", "3"],
            *["--generator.hidden", "4", "--discriminator.hidden", "4"],
        ]
    if recipe.task == "generate-music":
        small = small.replace("0.008", f"{0.008 * recipe.discriminator_steps}") + " --data.voices 1 --bars 4"
        if recipe.generator.name == "c-rnn-gan":
            few = " --pretraining 2 --generator.hidden 4 --generator.events 6 --discriminator.hidden 4"
            return (small + few).split()
    return [*small.split(), "--generator.width", "4", "--discriminator.width", "4"]


def _made_steps(recipe: Any) -> int:
    first = recipe.task in ("generate-text", "generate-captions") or getattr(recipe, "pretraining", 0)
    second = getattr(recipe, "second", None)
    in_two = second is not None and second.generator.name != "none"
    return 2 + 2 * bool(first) + 2 * in_two


def _picture_settings(recipe: Any) -> list[str]:
    if recipe.task != "generate":
        return _media_settings(recipe)
    kimg = 2 * 4 * recipe.discriminator_steps / 1000
    more = "--batch 4 --scores.samples 16 --data.held-out 12 --generator.width 8 --discriminator.width 8"
    if recipe.generator.name == "stylegan2":
        more += " --generator.latent 8 --generator.style 8 --generator.most-maps 16 --discriminator.most-maps 16"
    encoder = [] if recipe.encoder.name == "none" else ["--encoder.width", "8"]
    return ["--kimg", f"{kimg}", *more.split(), *encoder]


def _quick_scores(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(FeatureExtractor, "of", staticmethod(mean_colors))


def _make(predictor: Any, data: Path) -> None:
    if hasattr(predictor, "filled_above"):
        assert predictor.generate(3).shape == (3, 16, 16, 16)
        return
    if hasattr(predictor, "caption"):
        assert isinstance(predictor.caption(torch.zeros(5, 3, 20, 24, dtype=torch.uint8)), str)
        return
    if hasattr(predictor, "bars"):
        assert predictor.generate(3).shape == (3, 1, 64)
        return
    if hasattr(predictor, "from_stills"):
        made = predictor.go_on(torch.rand(3, 3, 16, 16)) if predictor.from_stills else predictor.generate(3)
        assert made.shape == (3, 8, 3, 16, 16)
        return
    if hasattr(predictor, "sentences"):
        made = predictor.generate(predictor.sentences[0], 3)
    else:
        made = predictor.generate(3)
    assert made.shape == (3, predictor.channels, predictor.size_px, predictor.size_px)
    assert made.dtype == torch.float32


def _draw_classes(folder: Path) -> Path:
    """Boxes and disks of 40 px, eight of each."""
    for name, first in (("box", 0), ("disk", 100)):
        (folder / name).mkdir(parents=True)
        for number in range(first, first + 8):
            Image.fromarray(draw_shape(name, number)).save(folder / name / f"{number}.png")
    return folder


def _class_settings(recipe: Any) -> list[str]:
    # Pretrained weights of large networks are on few machines.
    least = {"googlenet": 160, "alexnet-two-towers": 227, "alexnet": 63}.get(recipe.network.name, 32)
    small = f"--batch 6 --epochs 1 --data.size-px {least} --data.crop-px {least} --data.held-out 0.25"
    fresh = ["--network.pretrained", "false"] if recipe.network.name not in WITHOUT_WEIGHTS else []
    if recipe.network.name == "kmeans-linear":
        small += " --network.kernels 12 --network.patches 400"
    return [*small.split(), *fresh, *(["--head-epochs", "1"] if recipe.head_epochs else [])]


def _with_few_units(build: Callable[..., Any]) -> Callable[..., Any]:
    """torchvision's AlexNet or VGG with 64 units before the classes, for which no memory of the others is taken."""

    def built(*names: str, **options: Any) -> Any:
        with torch.device("meta"):
            network: Any = build(*names, **options)
        linear = [place for place, layer in enumerate(network.classifier) if isinstance(layer, nn.Linear)]
        maps = [layer.out_channels for layer in network.features if isinstance(layer, nn.Conv2d)][-1]
        units = [maps * math.prod(network.avgpool.output_size), 64, 64, options["num_classes"]]
        for place, inputs, outputs in zip(linear, units, units[1:], strict=False):
            network.classifier[place] = nn.Linear(inputs, outputs)
        network.features.to_empty(device="cpu")
        for layer in network.features:
            if isinstance(layer, nn.Conv2d):
                layer.reset_parameters()
        return network

    return built


def _slim_classifiers(patch: pytest.MonkeyPatch) -> None:
    """An eighth of VGG's and GoogLeNet's maps, 64 units before the classes instead of 4,096; the networks at their full
    size are in test_class_networks."""
    for name, maps in vgg.cfgs.items():
        patch.setitem(vgg.cfgs, name, [each // 8 if isinstance(each, int) else each for each in maps])
    patch.setattr(googlenet, "MODULES", tuple(tuple(each // 8 for each in maps) for maps in googlenet.MODULES))
    for name in ("get_model", "alexnet"):
        patch.setattr(models, name, _with_few_units(getattr(models, name)))
    patch.setattr(alexnet, "UNITS", 64)
    patch.setattr(classify_task, "GREEDY_PATCHES", 100)
    patch.setattr(classify_task, "GREEDY_STEPS", 3)
    patch.setattr(resnet, "UNITS", {depth: (unit, [1, 1, 1, 1]) for depth, (unit, _) in resnet.UNITS.items()})
    patch.setattr(densenet, "BLOCKS", dict.fromkeys(densenet.BLOCKS, (8, (2, 2, 2, 2), 16)))


def _class_steps(recipe: Any) -> int:
    return 2 * (1 + bool(recipe.head_epochs))


def _classify(predictor: Any, data: Path) -> None:
    answer = predictor.predict(next((data / "box").glob("*.png")))
    assert set(answer.names) == {"box", "disk"}
    assert abs(sum(answer.probabilities) - 1) < 1e-5
    assert answer.evidence.shape == (predictor.crop_px, predictor.crop_px)


def _draw_pairs(folder: Path) -> Path:
    """Pairs of 64 px: shapes, and the same in the opposite colors. Recipes that make their sources take all of them.
    A table tells their attributes. Beside the pairs, in ``classes``, the same with a folder for each shape."""
    rows = ["file,disk,opposite"]
    for number in range(10):
        shape = ("box", "disk")[number % 2]
        picture = Image.fromarray(draw_shape(shape, number)).convert("RGB").resize((64, 64))
        for name, pixels in (("source", 255 - np.asarray(picture)), ("target", np.asarray(picture))):
            for place in (folder / "pairs" / name, folder / "classes" / name / shape):
                place.mkdir(parents=True, exist_ok=True)
                Image.fromarray(pixels).save(place / f"{number}.png")
            rows.append(f"{name}/{number}.png,{number % 2},{int(name == 'source')}")
    (folder / "pairs" / "attributes.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return folder / "pairs"


def _pairs_or_classes(recipe: Any, drawn: Path) -> Path:
    return drawn.parent / "classes" if recipe.task == "translate-transfer" else drawn


def _attribute_settings() -> list[str]:
    small = "--epochs=1 --encoder-epochs=1 --steps-per-epoch=2 --batch=4 --data.held-out=2 --scores.keep-by=psnr"
    narrow = "--generator.width=4 --discriminator.width=4 --latent-encoder.width=4 --attribute-encoder.width=4"
    dense = "--latent-encoder.dense=8 --attribute-encoder.dense=8 --data.size-px=16"
    return f"{small} {narrow} {dense}".split()


def _pair_settings(recipe: Any) -> list[str]:
    """Networks of a few channels. Sources of recipes that make theirs are made of both folders' pictures."""
    if recipe.task == "translate-attributes":
        return _attribute_settings()
    if recipe.task != "translate-pairs":
        return _domain_settings(recipe)
    small = ["--epochs=1", "--steps-per-epoch=2", "--batch=2", "--data.held-out=2", "--scores.keep-by=psnr"]
    if recipe.data.frames:
        small[3] = "--data.held-out=1"  # of two clips, the folders of both pictures
    small.append(f"--generator.{'bottleneck' if recipe.generator.name.startswith('context') else 'width'}=4")
    if recipe.generator.name.startswith("context"):
        small += ["--generator.width=4", "--data.size-px=128", "--data.crop-px=128"]
    elif recipe.generator.name in ("unet", "colorizer"):
        small += ["--generator.seen-px=32"] if recipe.generator.name == "colorizer" else []
        small += ["--generator.levels=4", "--data.size-px=32", "--data.jitter-px=none", "--data.crop-px=32"]
    elif recipe.generator.name == "multi-scale":
        small += ["--data.crop-px=32"]
    else:
        small += ["--generator.blocks=1", "--data.crop-px=32"]
    if recipe.warmup_epochs:
        small.append("--warmup-epochs=1")
    if recipe.adversarial:
        small.append("--discriminator.width=4")
        small += ["--discriminator.layers=1"] if recipe.discriminator.name == "patch" else []
    if any(each.name == "features" for each in recipe.content):
        small.append("--content.features.maps=efficientnet-lite0")
    return small


def _domain_settings(recipe: Any) -> list[str]:
    """The folders of both pictures of the pairs are two domains."""
    small = "--epochs=1 --steps-per-epoch=2 --batch=2 --data.held-out=2 --scores.keep-by=kid"
    sizes = "--data.size-px=32 --data.jitter-px=36 --data.crop-px=32"
    narrow = "--generator.width=4 --discriminator.width=4"
    own = "--generator.blocks=1 --discriminator.layers=2"
    if recipe.task == "translate-transfer":
        own = "--extractor-epochs=1 --extractor.width=4 --extractor.features=4"
    return [*small.split(), *sizes.split(), *narrow.split(), *own.split()]


def _pair_steps(recipe: Any) -> int:
    more = ("warmup_epochs", "extractor_epochs", "encoder_epochs")
    return 2 * (1 + any(getattr(recipe, name, 0) for name in more))


def _slim_translators(patch: pytest.MonkeyPatch) -> None:
    _quick_scores(patch)
    patch.setattr(feature_distance, "LiteMaps", FewMaps)


def _translate(predictor: Any, data: Path) -> None:
    if hasattr(predictor, "domains"):
        for name in predictor.domains:
            _translate(predictor.to(name), data)
        return
    if hasattr(predictor, "attributes"):
        _translate(predictor.with_changes({predictor.attributes[0]: True}), data)
        return
    side = 128 if predictor.network.stride == 128 else 20
    mask = torch.zeros(1, side, side)
    mask[:, 5:9, 5:9] = 1
    made = predictor.translate(torch.rand(predictor.channels, side, side), mask if predictor.fills else None)
    assert made.shape == (predictor.outputs, side * predictor.scale, side * predictor.scale)
    assert made.dtype == torch.float32 and made.min() >= 0 and made.max() <= 1


def _draw_objects(folder: Path) -> Path:
    """Ten pictures of 64 px with a box or a disk, and the masks of both."""
    for name in ("images", "masks"):
        (folder / name).mkdir(parents=True)
    for number in range(10):
        picture = np.full((64, 72, 3), 90, np.uint8)
        picture += np.random.default_rng(number).integers(0, 30, picture.shape, dtype=np.uint8)
        mask = np.zeros((64, 72), np.uint8)
        mask[8 + number : 40 + number, 20 : 48 + number] = 1
        picture[mask == 1] = (230, 40 + 15 * number, 20)
        Image.fromarray(picture).save(folder / "images" / f"{number}.png")
        Image.fromarray(mask).save(folder / "masks" / f"{number}.png")
    return folder


def _object_settings(recipe: Any) -> list[str]:
    small = "--epochs 1 --batch 4 --data.short-px 64 --data.longest-px 96 --data.group none --loop.evaluate-every 1"
    if recipe is not None and recipe.network.name == "yolo-small":
        return [*small.split(), "--network.size-px=64", "--network.maps=8"]
    if recipe is not None and recipe.network.name in ("yolo-v1", "yolo-tiny"):
        return [*small.split(), "--network.size-px=64", "--network.width=0.03125"]
    if recipe is not None and recipe.network.name in ("fast-rcnn", "perceptual"):
        sizes = {"maps": 8, "hidden": 8, "regions": 8, "search-px": 80}
        return [*small.split(), *(f"--network.{name}={value}" for name, value in sizes.items())]
    if recipe is not None and recipe.network.name == "rcnn":
        sizes = {"crop-px": 32, "context-px": 2, "search-px": 80, "proposals": 8, "regions": 8}
        return [*small.split(), *(f"--network.{name}={value}" for name, value in sizes.items())]
    return [*small.split(), "--network.width=8", "--network.hidden=8", "--network.proposals=16", "--network.regions=8"]


def _object_steps(recipe: Any) -> int:
    return 0 if recipe.network.name == "rcnn" else 2


def _detect(predictor: Any, data: Path) -> None:
    found = predictor.detect(data / "images/0.png", min_score=0.0)
    assert found.boxes.shape == (len(found.scores), 4)
    assert bool((found.labels == 0).all())
    assert (found.masks is not None) == predictor.outlines


def _draw_photos(folder: Path) -> Path:
    """Ten photos of 40 x 48 px, each of two colors and their shades."""
    for number in range(10):
        ends = np.random.default_rng(number).integers(0, 256, (2, 3))
        shades = np.linspace(0, 1, 48)[None, :, None] * np.linspace(0.5, 1, 40)[:, None, None]
        Image.fromarray((ends[0] + shades * (ends[1] - ends[0])).astype(np.uint8)).save(folder / f"{number}.png")
    return folder


def _analogy_settings(recipe: Any) -> list[str]:
    small = "--epochs=1 --steps-per-epoch=2 --batch=4 --data.held-out=2 --data.longest-px=32 --data.crop-px=16"
    return f"{small} --network.width=4 --network.codes=8".split()


def _recolor(predictor: Any, data: Path) -> None:
    made = predictor.recolor(torch.rand(3, 20, 33), torch.rand(3, 9, 7))
    assert made.shape == (3, 20, 33) and made.dtype == torch.float32 and bool(made.isfinite().all())


CONTRACTS = {
    "segment": Contract(
        lambda folder: draw_area(folder / "town"),
        _map_settings,
        _map_steps,
        _slim_maps,
        _map,
        left=("colors.safetensors",),
    ),
    "recolor": Contract(_draw_photos, _analogy_settings, lambda recipe: 2, lambda patch: None, _recolor),
    "detect": Contract(_draw_objects, _object_settings, _object_steps, lambda patch: None, _detect),
    "classify": Contract(_draw_classes, _class_settings, _class_steps, _slim_classifiers, _classify),
    "generate": Contract(_draw_boxes, _picture_settings, _made_steps, _quick_scores, _make),
    "translate": Contract(
        _draw_pairs, _pair_settings, _pair_steps, _slim_translators, _translate, place=_pairs_or_classes
    ),
}
"""By room."""
