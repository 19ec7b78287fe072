"""Tiny trained runs of the room translate, for all of its tests."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from drawn_pictures import draw_shape
from limner.cli import main
from limner.fidelity.features import FeatureExtractor
from limner.translate.measures import feature_distance
from quick_features import mean_colors
from tiny_maps import FewMaps

QUICK = [
    "--epochs", "1", "--steps-per-epoch", "2", "--batch", "2", "--data.held-out", "2", "--loop.precision", "fp32",
]  # fmt: skip


@pytest.fixture(scope="session")
def translators(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with ``pairs`` (source and target, 48 px) and runs of two steps: ``enlarge``, ``fill`` and ``paint``."""
    here = tmp_path_factory.mktemp("translators")
    for number in range(10):
        picture = Image.fromarray(draw_shape(("box", "disk")[number % 2], number)).convert("RGB").resize((48, 48))
        for name, pixels in (("source", 255 - np.asarray(picture)), ("target", np.asarray(picture))):
            (here / "pairs" / name).mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).save(here / "pairs" / name / f"{number}.png")
    light = ["--generator.blocks", "1", "--generator.width", "4"]
    unet = ["--generator.levels", "3", "--generator.width", "4"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(FeatureExtractor, "of", staticmethod(mean_colors))
        patch.setattr(feature_distance, "LiteMaps", FewMaps)
        for name, recipe, more in (
            ("enlarge", "upscale", ["--data.crop-px", "32", *light]),
            ("fill", "fill", ["--data.size-px", "32", *unet]),
            ("paint", "pairs-l1", ["--data.size-px", "32", "--data.jitter-px", "none", "--data.crop-px", "32", *unet]),
        ):
            data = here / "pairs" if name == "paint" else here / "pairs" / "target"
            with pytest.raises(SystemExit) as left:
                main(["train", f"translate/{recipe}", "--data", str(data), "--out", str(here / name), *QUICK, *more])
            assert left.value.code == 0
    return here


@pytest.fixture
def quick_scores(monkeypatch: pytest.MonkeyPatch) -> None:
    """Scores without pretrained networks."""
    monkeypatch.setattr(FeatureExtractor, "of", staticmethod(mean_colors))
    monkeypatch.setattr(feature_distance, "LiteMaps", FewMaps)
