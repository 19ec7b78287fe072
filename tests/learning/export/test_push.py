"""limner push: a folder that hubs understand and that is a run, without what belongs to this machine."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from safetensors.torch import load_file

import limner as api

Limner = Callable[..., tuple[int, str, str]]
SMALL = ("--tile-px", "96", "--overlap-px", "32", "--polygons", "none")


def test_a_run_becomes_a_folder_that_hubs_understand_and_that_maps_alike(
    trained: Path, here: Path, limner: Limner
) -> None:
    code, out, error = limner("push", trained / "run", "--out", "roofs", "--license", "cc-by-4.0")
    assert (code, out) == (0, "roofs\n"), error
    assert "preview.jpg shows data of the training" in error
    names = {path.name for path in Path("roofs").iterdir()}
    assert {"README.md", "config.json", "model.safetensors", "model.json", "recipe.yaml", "preview.jpg"} <= names
    assert not names & {"checkpoint", "metrics.csv", "run.json", "pictures"}

    header, text = Path("roofs/README.md").read_text(encoding="utf-8").removeprefix("---\n").split("\n---\n", 1)
    told = yaml.safe_load(header)
    assert told["license"] == "cc-by-4.0" and told["pipeline_tag"] == "image-segmentation"
    assert told["library_name"] == "limner" and told["tags"] == ["limner", "segment", "lite-unet"]
    assert "## Learned from" in text and "limner segment roofs scene.tif" in text
    config = json.loads(Path("roofs/config.json").read_text())
    assert config["model_type"] == "lite-unet" and list(config["id2label"]) == ["0", "1"]
    for file in Path("roofs").iterdir():  # the data lay at an absolute path
        if file.suffix in (".md", ".json", ".yaml"):
            assert str(trained) not in file.read_text(encoding="utf-8"), file
    assert load_file("roofs/model.safetensors").keys() == load_file(trained / "run/model.safetensors").keys()

    for run, folder in ((trained / "run", "by-run"), ("roofs", "by-folder")):
        code, _, error = limner("segment", run, trained / "scene.tif", *SMALL, "--out", folder)
        assert code == 0, error
    assert Path("by-run/scene_classes.tif").read_bytes() == Path("by-folder/scene_classes.tif").read_bytes()
    assert limner("push", "roofs", "--out", "again", "--license", "mit")[0] == 0  # a folder of a folder
    assert limner("train", "roofs/recipe.yaml", "--dry-run", "--data", trained / "town")[0] == 0


def test_a_hubs_own_reader_reads_the_card(trained: Path, here: Path) -> None:
    hub = pytest.importorskip("huggingface_hub")
    made = api.push(trained / "run", "roofs")
    data = hub.ModelCard.load("roofs/README.md").data
    assert (data.license, data.library_name, data.pipeline_tag) == ("unknown", "limner", "image-segmentation")
    assert made.advice[0].startswith("the card says license: unknown; name yours by --license")


def test_a_bundled_model_has_no_preview_and_is_not_replaced_unasked(here: Path, limner: Limner) -> None:
    code, out, error = limner("push", "buildings", "--out", "maps", "--license", "other", "--json")
    assert code == 0 and error == "" and "preview.jpg" not in json.loads(out)["files"]
    assert "colors.safetensors" in json.loads(out)["files"]
    code, _, error = limner("push", "buildings", "--out", "maps")
    assert (code, error) == (2, "limner: maps is there already; add --overwrite, or name another folder with --out\n")
    (here / "photos").mkdir()
    (here / "photos/a.txt").write_text("mine")
    code, _, error = limner("push", "buildings", "--out", "photos", "--overwrite")
    assert code == 2 and "is nothing that limner push wrote" in error and (here / "photos/a.txt").exists()
    code, _, error = limner("push", "buildings", "--out", "more", "--license", "CC BY 4.0")
    assert code == 2 and "needed: an identifier such as apache-2.0" in error and not (here / "more").exists()
