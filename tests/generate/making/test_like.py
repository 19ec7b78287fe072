"""`limner generate --like`: the latent of a given picture, found by optimization or by the encoder, with its error."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from limner.foundation.errors import UserError
from limner.generate.making.like import CANDIDATES, find_like, keep_to_prior
from limner.generate.making.options import GenerateOptions
from limner.generate.making.predictor import PictureGenerator, load_generator
from limner.generate.making.sample import generate_pictures
from limner.generate.networks import GENERATORS
from tiny_generators import TinyGenerator, make_run


@pytest.fixture(autouse=True)
def known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(GENERATORS, "tiny", TinyGenerator)


def save_picture(generator: PictureGenerator, path: Path, seed: int = 5) -> Path:
    """A picture of the run's own, of a latent that no search begins at."""
    made = generator.generate(1, seed=seed)[0]
    pixels = (made * 255).round().byte().permute(1, 2, 0).numpy()
    Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels).save(path)
    return path


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_a_picture_of_the_runs_own_is_found_again_by_optimization(tmp_path: Path, channels: int) -> None:
    generator = load_generator(make_run(tmp_path / "run", channels=channels), "cpu")
    found = find_like(generator, save_picture(generator, tmp_path / "one.png"), "auto")
    assert found.by == "optimization"
    assert found.error < found.chance / 3
    assert found.error < 8
    assert found.latent.shape == (1, generator.latent)
    shown = generator.decode(found.latent)
    assert float(255 * (shown - found.given).square().mean().sqrt()) == pytest.approx(found.error, abs=1e-3)
    assert f"nearest of {CANDIDATES} pictures made at random by {found.chance:.1f}" in found.sentence()


def test_what_the_run_does_not_make_keeps_a_large_error(tmp_path: Path) -> None:
    generator = load_generator(make_run(tmp_path / "run"), "cpu")
    noise = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "noise.png")
    found = find_like(generator, tmp_path / "noise.png", "optimization")
    assert 50 < found.error <= found.chance


def test_latents_stay_where_the_prior_draws_them() -> None:
    latent = 3 * torch.randn(20, 9, generator=torch.Generator().manual_seed(0))
    assert keep_to_prior(latent, "uniform").abs().max() <= 1
    assert torch.allclose(keep_to_prior(latent, "sphere").norm(dim=1), torch.ones(20))
    assert keep_to_prior(latent, "normal").norm(dim=1).max() <= 3 + 1e-5
    short = latent / 100
    assert torch.equal(keep_to_prior(short, "normal"), short)


def test_the_verb_writes_both_side_by_side_with_the_error_and_finds_its_work_done(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = make_run(tmp_path / "run")
    picture = save_picture(load_generator(run, "cpu"), tmp_path / "one.png")
    options = GenerateOptions(like=picture)
    made = generate_pictures(run.folder, options, out=tmp_path / "made", device="cpu")
    assert made.like == tmp_path / "made-like-one.png"
    with Image.open(made.like) as image:
        assert image.size == (2 * 34 + 2, 36)
    told = json.loads((tmp_path / "made-like-one.png.json").read_text())
    assert told["numbers"]["error"] == made.error
    assert "--like" in capsys.readouterr().err
    before = made.like.stat().st_mtime_ns
    again = generate_pictures(run.folder, options, out=tmp_path / "made", device="cpu")
    assert (again.like, again.error) == (made.like, made.error)
    assert made.like.stat().st_mtime_ns == before
    assert not (tmp_path / "made").exists()


def test_mistakes_are_told_in_a_line(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run")
    picture = save_picture(load_generator(run, "cpu"), tmp_path / "one.png")

    def make(**options: object) -> None:
        generate_pictures(run.folder, GenerateOptions(**options), out=tmp_path / "made", device="cpu")  # type: ignore[arg-type]

    with pytest.raises(UserError, match="the run has no encoder; train one with --encoder dcgan, or use --by opt"):
        make(like=picture, by="encoder")
    with pytest.raises(UserError, match=r"--like .*nothing.png: no such file; give a picture"):
        make(like=tmp_path / "nothing.png")
    with pytest.raises(UserError, match="--like and --interpolate write one thing each"):
        make(like=picture, interpolate=tmp_path / "walk.gif")
    with pytest.raises(UserError, match="--by encoder says how --like finds a latent"):
        make(by="encoder")
    with pytest.raises(UserError, match=r"--latent-steps is 3, but .* learned without latent optimization"):
        make(latent_steps=3)
    with pytest.raises(UserError, match="--latent-steps is -1; needed: 0 or more"):
        make(latent_steps=-1)
    classes = make_run(tmp_path / "classes", classes=("car", "van"))
    with pytest.raises(UserError, match="--like: the run has classes"):
        generate_pictures(classes.folder, GenerateOptions(like=picture), out=tmp_path / "made", device="cpu")
    assert not list(tmp_path.glob("made*"))
