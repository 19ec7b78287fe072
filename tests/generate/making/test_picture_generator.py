"""What a run of the generate room hands out: the same pictures whatever is asked beside them."""

import io
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch.nn.utils.parametrizations import spectral_norm

from limner.foundation.errors import UserError
from limner.generate.making.predictor import PictureGenerator, class_number, load_generator
from limner.generate.networks import GENERATORS
from tiny_generators import LATENT, TinyGenerator, make_run


@pytest.fixture(autouse=True)
def known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(GENERATORS, "tiny", TinyGenerator)


def load(folder: Path, **options: object) -> PictureGenerator:
    return load_generator(make_run(folder / "run", **options), "cpu")  # type: ignore[arg-type]


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_pictures_have_their_range_shape_and_type(tmp_path: Path, channels: int) -> None:
    image = load(tmp_path, channels=channels).generate(5)
    assert image.shape == (5, channels, 32, 32)
    assert image.dtype == torch.float32
    assert 0 <= image.min() < 0.3
    assert 0.7 < image.max() <= 1


def test_a_picture_is_the_same_however_many_are_made_and_in_which_batches(tmp_path: Path) -> None:
    generator = load(tmp_path, classes=("car", "van"))
    many = generator.generate(70, seed=3)
    torch.testing.assert_close(generator.generate(3, seed=3), many[:3], atol=1e-5, rtol=0)
    torch.testing.assert_close(generator.generate(70, seed=3, batch=7), many, atol=1e-5, rtol=0)
    numbers = [68, 2, 41]
    picked = generator.decode(generator.latents(numbers, seed=3), generator.labels(numbers, seed=3))
    torch.testing.assert_close(picked, many[numbers], atol=1e-5, rtol=0)


def test_pictures_and_seeds_differ(tmp_path: Path) -> None:
    generator = load(tmp_path)
    latents = torch.cat([generator.latents(range(40), seed=seed) for seed in range(3)])
    assert len(latents.unique(dim=0)) == 120
    assert abs(latents.mean()) < 0.1
    assert abs(latents.std() - 1) < 0.1


def test_nothing_global_is_drawn_from(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", classes=("car", "van"))
    torch.manual_seed(1)
    before = torch.random.get_rng_state()
    generator = load_generator(run, "cpu")
    first = generator.generate(4)
    assert torch.equal(torch.random.get_rng_state(), before)
    torch.manual_seed(2)
    assert torch.equal(generator.generate(4), first)


def test_truncation_bounds_latents_and_a_runs_own_holds_unless_told_otherwise(tmp_path: Path) -> None:
    generator = load(tmp_path, truncation=1.5)
    assert 1 < generator.latents(range(50)).abs().max() <= 1.5
    assert generator.latents(range(50), truncation=0.3).abs().max() <= 0.3
    assert generator.latents(range(50), truncation=9.0).abs().max() > 1.5


def test_the_running_average_makes_the_pictures_where_there_is_one(tmp_path: Path) -> None:
    with_average = make_run(tmp_path / "averaged", average=True)
    generator = load_generator(with_average, "cpu")
    weights = with_average.weights()
    assert torch.equal(generator.network.layer.weight, weights["average.layer.weight"])
    assert not torch.equal(generator.network.layer.weight, weights["generator.layer.weight"])
    plain = load_generator(make_run(tmp_path / "plain"), "cpu")
    assert torch.equal(plain.network.layer.weight, weights["generator.layer.weight"])


def test_spectral_normalization_is_part_of_what_is_loaded(tmp_path: Path) -> None:
    torch.manual_seed(4)
    network = TinyGenerator(32, 3, 0)
    spectral_norm(network.layer)
    run = make_run(tmp_path / "run")
    weights = {f"generator.{key}": value for key, value in network.state_dict().items()}
    run.save_model(weights, {key: value for key, value in run.facts.items() if key not in ("limner", "format_version")})
    generator = load_generator(run, "cpu")
    latents = generator.latents(range(3))
    with torch.no_grad():
        expected = (network.eval()(latents) + 1) / 2
    torch.testing.assert_close(generator.decode(latents), expected)
    assert torch.linalg.matrix_norm(generator.network.layer.weight, 2) < 1.1


def test_classes_are_made_in_turn_or_as_often_as_in_training(tmp_path: Path) -> None:
    generator = load(tmp_path, classes=("car", "van", "bus"), class_counts=[80, 0, 20])
    assert generator.labels(range(5), classes=["bus", 1]).tolist() == [2, 1, 2, 1, 2]
    drawn = generator.labels(range(400), seed=5)
    assert abs(drawn.bincount(minlength=3) - torch.tensor([320, 0, 80])).max() < 30
    assert torch.equal(generator.labels([7, 3], seed=5), drawn[[7, 3]])
    cars, vans = generator.generate(6, classes=["car"]), generator.generate(6, classes=["van"])
    assert (cars - vans).abs().mean() > 0.05
    torch.testing.assert_close(generator.generate(6, classes=["car", "van"])[::2], cars[::2])


def test_it_shows_itself_as_a_grid(tmp_path: Path) -> None:
    with Image.open(io.BytesIO(load(tmp_path, channels=4)._repr_png_())) as image:
        assert image.size == (8 * 34 + 2, 2 * 34 + 2)
        assert np.asarray(image).shape[2] == 3


def test_its_card_has_what_it_makes_and_a_grid(tmp_path: Path) -> None:
    generator = load(tmp_path, classes=("car", "van"))
    assert repr(generator) == f"PictureGenerator(32 px rgb of car, van from {tmp_path / 'run'}, on cpu)"
    shown = generator._repr_html_()
    for part in ("32 x 32 px, rgb", "car, van", "TinyGenerator", "<img "):
        assert part in shown


def test_a_run_of_a_uniform_prior_draws_from_the_cube(tmp_path: Path) -> None:
    latents = load(tmp_path, prior={"name": "uniform"}).latents(range(200))
    assert latents.shape == (200, LATENT)
    assert 0.95 < latents.abs().max() <= 1


def test_classes_are_known_by_name_and_number() -> None:
    names = ("7", "sports car", "van")
    assert class_number("van", names) == 2
    assert class_number(1, names) == 1
    assert class_number("1", names) == 1
    assert class_number("7", names) == 0  # a name first
    with pytest.raises(UserError, match=r"no class 'sportscar'; did you mean 'sports car'\?"):
        class_number("sportscar", names)
    with pytest.raises(UserError, match=r"no class '3'; known: 7, sports car, van"):
        class_number(3, names)


def test_what_a_run_cannot_do_is_told_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"--classes: the run was trained without classes"):
        load(tmp_path).generate(1, classes=["car"])
    with pytest.raises(UserError, match=r"model.json: says nothing of latent, prior; the run is damaged"):
        damaged = make_run(tmp_path / "damaged")
        facts = {name: damaged.facts[name] for name in damaged.facts if name not in ("latent", "prior", "limner")}
        damaged.save_model(damaged.weights(), facts)
        load_generator(damaged)
    with pytest.raises(UserError, match=r"generator is a tinny, which limner does not have"):
        load_generator(make_run(tmp_path / "unknown", generator={"name": "tinny"}))
    with pytest.raises(UserError, match=r"does not fit model.json: "):
        load_generator(make_run(tmp_path / "other", latent=5, generator={"name": "tiny", "latent": 5}))
    with pytest.raises(UserError, match=r"device is 'tpu'; needed: auto, cpu or cuda"):
        load_generator(make_run(tmp_path / "elsewhere"), "tpu")
    with pytest.raises(ValueError, match="0 pictures; needed: one or more"):
        load(tmp_path / "none").generate(0)
