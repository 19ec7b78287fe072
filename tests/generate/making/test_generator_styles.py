"""What styles are for: directions, mixtures, truncation, and the style of a given picture."""

import json
from pathlib import Path

import pytest
import torch
from PIL import Image

from limner.foundation.errors import UserError
from limner.generate.making.like import CANDIDATES, find_like
from limner.generate.making.options import GenerateOptions
from limner.generate.making.predictor import PictureGenerator, load_generator
from limner.generate.making.sample import generate_pictures
from limner.generate.making.styles import directions, edited, mixed
from limner.generate.networks import GENERATORS, StyleGAN2Generator
from limner.learning.library import load_recipe
from limner.learning.runs.run import Run
from tiny_generators import TinyGenerator, make_run

OPTIONS = {"latent": 6, "style": 6, "width": 4, "most_maps": 16, "mapping_layers": 1, "mixing": 0.0}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A StyleGAN2 of few maps with the weights it begins with, and the mean style of some latents."""
    folder = tmp_path_factory.mktemp("styles") / "run"
    made = make_run(folder, generator={"name": "stylegan2", **OPTIONS}, latent=6)
    torch.manual_seed(0)
    network = StyleGAN2Generator(32, 3, 0, **OPTIONS)  # type: ignore[arg-type]
    with torch.no_grad():
        network.mean_style.copy_(network.mapped(torch.randn(500, 6)).mean(0))
        for layer in network.modules():
            if hasattr(layer, "strength"):
                layer.strength.fill_(0.05)
    made.save_model({f"generator.{name}": value for name, value in network.state_dict().items()}, made.facts)
    return Run(folder)


@pytest.fixture
def generator(run: Run) -> PictureGenerator:
    return load_generator(run, "cpu")


def network_of(generator: PictureGenerator) -> StyleGAN2Generator:
    assert generator.styled is not None
    return generator.styled


def test_truncation_brings_pictures_nearer_to_each_other(generator: PictureGenerator) -> None:
    spread = [float(generator.generate(16, truncation=share).std(0).mean()) for share in (0.001, 0.5, 1.0)]
    assert spread[0] < 1e-3 < 2 * spread[0] + spread[1] < spread[2] + spread[1]
    assert torch.equal(generator.generate(3, truncation=1.0), generator.truncated(1.0).generate(3))


def test_directions_are_orthonormal_and_ordered_by_how_much_they_change(generator: PictureGenerator) -> None:
    network = network_of(generator)
    rows = directions(network)
    torch.testing.assert_close(rows @ rows.T, torch.eye(6), atol=1e-5, rtol=0)
    scales = torch.cat([layer.affine.weight for layer in network.modules() if hasattr(layer, "affine")])
    scales = scales / scales.norm(dim=1, keepdim=True)
    changed = (scales @ rows.T).square().sum(0)
    assert (changed.diff() <= 1e-4).all()
    other = torch.nn.functional.normalize(torch.randn(200, 6), dim=1)
    assert (scales @ other.T).square().sum(0).max() <= changed[0] + 1e-4


def test_a_direction_that_only_one_layer_knows_is_found(generator: PictureGenerator) -> None:
    network = network_of(generator)
    wanted = torch.nn.functional.normalize(torch.arange(1.0, 7.0), dim=0)
    with torch.no_grad():
        for layer in network.modules():
            if hasattr(layer, "affine"):
                layer.affine.weight.copy_(torch.randn(len(layer.affine.weight), 1) * wanted)
    torch.testing.assert_close(directions(network)[0], wanted, atol=1e-4, rtol=0)


def test_an_edit_moves_styles_by_standard_deviations_along_one_direction(generator: PictureGenerator) -> None:
    network = network_of(generator)
    moved = edited(generator, {1: 2.0})
    assert moved.edit is not None
    rows = directions(network)
    along = rows @ moved.edit
    styles = network.mapped(generator.latents(range(400), seed=7)).detach()
    assert float(along[1]) == pytest.approx(2 * float((styles @ rows[1]).std()), rel=0.15)
    assert along.abs().sum() == pytest.approx(float(along[1]), rel=1e-4)
    assert not torch.allclose(moved.generate(2), generator.generate(2), atol=1e-3)
    torch.testing.assert_close(edited(generator, {1: 0.0}).generate(2), generator.generate(2))
    assert edited(generator, {}) is generator


def test_a_mixture_of_a_picture_with_itself_is_that_picture_and_rows_share_their_form(
    generator: PictureGenerator,
) -> None:
    sheet = mixed(generator, (0, 4, 9))
    alone = generator.decode(generator.latents((0, 4, 9)))
    assert sheet.shape == (4, 4, 3, 32, 32)
    assert not sheet[0, 0].any()
    for place in range(3):
        for same in (sheet[0, place + 1], sheet[place + 1, 0], sheet[place + 1, place + 1]):
            torch.testing.assert_close(same, alone[place], atol=1e-5, rtol=0)
    assert not torch.allclose(sheet[1, 2], sheet[1, 1], atol=1e-3)
    assert not torch.allclose(sheet[1, 2], sheet[2, 2], atol=1e-3)


def test_a_style_is_found_for_a_picture_of_the_runs_own(generator: PictureGenerator, tmp_path: Path) -> None:
    pixels = (generator.generate(1, seed=5)[0] * 255).round().byte().permute(1, 2, 0).numpy()
    Image.fromarray(pixels).save(tmp_path / "one.png")
    found = find_like(generator, tmp_path / "one.png", "auto")
    assert found.by == "optimization of a style"
    assert found.latent.shape == (1, 6)
    assert found.error < found.chance / 2
    assert f"nearest of {CANDIDATES}" in found.sentence()


def test_the_verb_writes_mixtures_and_edited_pictures_and_finds_them_done(run: Run, tmp_path: Path) -> None:
    out = tmp_path / "made"
    made = generate_pictures(run.folder, GenerateOptions(mix=(0, 2)), out=out, device="cpu")
    assert made.mix == tmp_path / "made-mix-0-2.png"
    with Image.open(made.mix) as image:
        assert image.size == (3 * 34 + 2, 3 * 34 + 2)
    assert json.loads((tmp_path / "made-mix-0-2.png.json").read_text())["numbers"] == {"pictures": 2}
    before = made.mix.stat().st_mtime_ns
    generate_pictures(run.folder, GenerateOptions(mix=(0, 2)), out=out, device="cpu")
    assert made.mix.stat().st_mtime_ns == before

    plain, moved = (
        generate_pictures(run.folder, GenerateOptions(n=2, edit=edit), out=tmp_path / name, device="cpu")
        for name, edit in (("plain", None), ("moved", ("0=2", "3=-1")))
    )
    assert plain.pictures[0].read_bytes() != moved.pictures[0].read_bytes()
    with pytest.raises(UserError, match="choose another folder or add --overwrite"):
        generate_pictures(run.folder, GenerateOptions(n=2), out=tmp_path / "moved", device="cpu")


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"edit": ("pose=2",)}, r"--edit pose=2: needed: the number of a direction and a strength, such as 0=2"),
        ({"edit": ("3",)}, r"--edit 3: needed: the number of a direction and a strength"),
        ({"edit": ("0=nan",)}, r"--edit 0=nan: needed: a finite strength"),
        ({"mix": (3,)}, r"--mix 3: needed: two pictures or more, such as --mix 0,3"),
        ({"mix": (0, 1), "interpolate": Path("a.gif")}, r"--mix and --interpolate write one thing each"),
        ({"edit": ("0=2",), "like": Path("a.png")}, r"--edit moves pictures that the run makes; leave --like out"),
    ],
)
def test_options_that_say_nothing_are_refused(given: dict[str, object], says: str) -> None:
    with pytest.raises(UserError, match=says):
        GenerateOptions(**given)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (GenerateOptions(edit=("6=1",)), r"--edit 6=\.\.\.: there is no such direction; choose 0 to 5"),
        (GenerateOptions(edit=("-1=1",)), r"--edit -1=\.\.\.: there is no such direction; choose 0 to 5"),
    ],
)
def test_unknown_directions_are_refused_and_nothing_is_written(
    options: GenerateOptions, says: str, run: Run, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match=says):
        generate_pictures(run.folder, options, out=tmp_path / "made", device="cpu")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("options", [GenerateOptions(edit=("0=1",)), GenerateOptions(mix=(0, 1))])
def test_a_run_without_styles_is_refused_and_nothing_is_written(
    options: GenerateOptions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(GENERATORS, "tiny", TinyGenerator)
    plain = make_run(tmp_path / "run")
    with pytest.raises(UserError, match=r"the run's generator has no styles; leave it out, or train generate/style"):
        generate_pictures(plain.folder, options, out=tmp_path / "made", device="cpu")
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def test_path_length_of_a_generator_without_styles_is_refused() -> None:
    with pytest.raises(UserError, match=r"penalties\.path_length is 2, and generator light has no styles"):
        load_recipe("generate/best", ["--penalties.path-length", "2"])
