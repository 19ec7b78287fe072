"""Solids of voxels: the networks' sizes, the rule of 80 %, scores against slow ones, meshes, files, bad input."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from lightning_fabric import Fabric
from PIL import Image

import limner
from limner.adversarial.priors import PRIORS
from limner.datasets.world.drawing import draw_world
from limner.datasets.world.options import WorldOptions
from limner.datasets.world.rendering import voxels_of
from limner.datasets.world.solids import draw_solid
from limner.foundation.errors import UserError
from limner.generate.making.options import GenerateOptions
from limner.generate.media.verbs import evaluate_run, generate_media
from limner.generate.media.voxels.measure import HELD_OUT, MEAN, TRAINING, mean_shape, measure, overlaps
from limner.generate.media.voxels.meshes import Mesh, mesh_of, write_obj, write_ply
from limner.generate.media.voxels.networks import VoxelDiscriminator, VoxelGenerator
from limner.generate.media.voxels.reading import read_voxels
from limner.generate.media.voxels.task import VoxelTask
from limner.generate.media.voxels.turntable import turntable, view_of
from limner.generate.scoring.options import EvaluateOptions
from limner.learning.library import load_recipe
from limner.learning.loop.task import StageContext
from limner.learning.runs.opening import open_run
from limner.learning.runs.score_rows import MADE, ScoreRows
from limner.nn.parameters import count_parameters

CommandLine = Callable[..., tuple[int, str, str]]
SMALL = ("--data.side=16", "--data.held-out=6", "--generator.width=2", "--discriminator.width=2")
TINY = ["--kimg=0.016", "--batch=8", "--generator.latent=4", "--loop.precision=fp32", "--scores.samples=16", *SMALL]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with drawn voxels and a run that learned two steps from them."""
    folder = tmp_path_factory.mktemp("voxels")
    draw_world(WorldOptions(voxels=24, side=16), out=folder / "world")
    limner.train("generate/3d-gan-light", data=folder / "world/voxels", out=folder / "run", overrides=TINY)
    return folder


def solids(count: int, side: int = 16, first: int = 0) -> torch.Tensor:
    drawn = [voxels_of(draw_solid(0, number), side) for number in range(first, first + count)]
    return torch.from_numpy(np.stack(drawn).astype(np.uint8))


# --- networks --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("side", "bias", "generator", "discriminator"),
    [(64, True, 17_570_625, 11_049_665), (64, False, 17_569_664, 11_048_704), (32, False, 5_903_232, None)],
)
def test_3d_gan_has_the_parameters_of_the_paper(
    side: int, bias: bool, generator: int, discriminator: int | None
) -> None:
    with torch.device("meta"):
        assert count_parameters(VoxelGenerator(side, bias=bias)) == generator
        if discriminator is not None:
            assert count_parameters(VoxelDiscriminator(side, bias=bias)) == discriminator


@pytest.mark.parametrize("side", [16, 32])
def test_a_pair_makes_and_tells_solids_and_no_weight_is_dead(side: int) -> None:
    torch.manual_seed(0)
    makes, tells = VoxelGenerator(side, latent=5, width=2), VoxelDiscriminator(side, width=2)
    made = makes(torch.rand(3, 5))
    assert made.shape == (3, side, side, side)
    assert 0 <= made.min() <= made.max() <= 1
    logits = tells(made)
    assert logits.shape == (3,)
    logits.square().sum().backward()
    for network in (makes, tells):
        assert all(each.grad is not None for each in network.parameters())


def test_other_sides_are_refused() -> None:
    with pytest.raises(UserError, match=r"data\.side is 20; it must be one of 16, 32, 64, 128"):
        VoxelGenerator(20)


def test_the_prior_is_uniform_from_0_to_1() -> None:
    drawn = PRIORS["unit"]().draw(400, 50, torch.Generator().manual_seed(0))
    assert 0 <= drawn.min() < 0.001
    assert 0.999 < drawn.max() < 1
    assert abs(drawn.mean() - 0.5) < 0.01
    assert PRIORS["unit"]().draw(40, 50, torch.Generator().manual_seed(0), 0.2).max() < 0.2


# --- the rule --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("last", [0.5, 0.8, 0.81, 1.0])
def test_the_discriminator_rests_after_a_batch_that_was_too_easy(last: float, place: Path, tmp_path: Path) -> None:
    data = ["--data.paths", f"[{place / 'world/voxels'}]"]
    task = VoxelTask(load_recipe("generate/3d-gan-light", [*TINY, *data]))
    task.begin(task.stages()[0], StageContext(Fabric(accelerator="cpu", devices=1), tmp_path))
    task.state["accuracy"].fill_(last)
    before = [each.detach().clone() for each in task.networks["discriminator"].parameters()]
    values = task.teach_discriminator(task.real(torch.arange(8), 0), 0)
    after = task.networks["discriminator"].parameters()
    assert any(not torch.equal(one, other) for one, other in zip(before, after, strict=True)) == (last <= 0.8)
    assert 0 <= values["told_apart"] <= 1
    assert torch.equal(task.state["accuracy"], values["told_apart"])
    assert torch.isfinite(values["discriminator_loss"])


# --- scores ----------------------------------------------------------------------------------------------------------


def test_overlaps_are_those_of_a_slow_count() -> None:
    one, other = solids(3, 8), solids(4, 8, first=5)
    for a, solid in enumerate(one.bool()):
        for b, second in enumerate(other.bool()):
            slow = float((solid & second).sum()) / float((solid | second).sum())
            assert float(overlaps(one, other)[a, b]) == pytest.approx(slow, abs=1e-6)
    assert overlaps(torch.zeros(1, 4, 4, 4), torch.zeros(1, 4, 4, 4)) == 0


def test_the_mean_shape_is_cut_where_it_overlaps_the_solids_most() -> None:
    thin = torch.zeros(10, 8, 8, 8, dtype=torch.uint8)
    for number in range(10):  # no voxel is filled in half of them
        thin[number, 2 : 4 + number % 3, :, number % 5] = 1
    found = mean_shape(thin)
    assert found.any()
    best = max(float(overlaps((thin.float().mean(0) >= level / 100)[None], thin).mean()) for level in range(5, 75, 5))
    assert float(overlaps(found[None], thin).mean()) == pytest.approx(best)
    same = solids(1).repeat(5, 1, 1, 1)
    assert torch.equal(mean_shape(same), same[0])


def test_copies_are_told_and_match_as_the_training_solids_do() -> None:
    training, true = solids(40), solids(12, first=40)
    copied = measure(training, training, true)
    assert copied.rows[MADE]["copies"] == 1
    assert copied.rows[MADE]["matching"] == pytest.approx(copied.rows[TRAINING]["matching"])
    assert copied.rows[TRAINING]["matching"] > 1.2 * copied.rows[MEAN]["matching"]
    near = overlaps(true, training).max(1).values
    assert copied.rows[HELD_OUT]["copies"] == pytest.approx(float((near >= 0.98).float().mean()))
    assert copied.rows[HELD_OUT]["copies"] < 1
    perfect = measure(true, training, true)
    assert perfect.rows[MADE]["matching"] == 1
    assert perfect.rows[MADE]["coverage"] > 0.9  # two of them may be the same solid
    one = measure(true[:1].repeat(20, 1, 1, 1), training, true)
    assert one.rows[MADE]["coverage"] == pytest.approx(1 / 12)  # a collapsed generator
    nothing = measure(torch.zeros_like(true), training, true)
    assert nothing.rows[MADE]["matching"] == 0
    assert ScoreRows.from_json(copied.to_json()).rows == copied.rows
    assert "; without learning: matching IoU" in copied.line()


# --- meshes and pictures ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [0, 1, 2, 5, 10])  # a ring, a cube, a ball, a cone, a cylinder
def test_a_mesh_is_closed_looks_outward_and_holds_the_solids_volume(number: int) -> None:
    solid = voxels_of(draw_solid(0, number), 24)
    mesh = mesh_of(solid.astype(np.float32), 0.5)
    assert mesh is not None
    sides = np.sort(np.concatenate([mesh.faces[:, [a, b]] for a, b in ((0, 1), (1, 2), (2, 0))]), axis=1)
    assert set(Counter(map(tuple, sides)).values()) == {2}  # each edge belongs to two faces
    a, b, c = (mesh.vertices[mesh.faces[:, corner]] for corner in range(3))
    volume = float(np.einsum("ij,ij->i", a, np.cross(b, c)).sum() / 6)
    assert volume == pytest.approx(float(solid.mean()), rel=0.06)  # and above 0: faces look outward


def test_a_solid_that_fills_the_grid_is_closed_and_nothing_has_no_mesh() -> None:
    full = mesh_of(np.ones((6, 6, 6)), 0.5)
    assert full is not None
    edges = full.vertices.min(), full.vertices.max()
    assert edges[0] < 0 < 0.9 < edges[1]
    assert mesh_of(np.zeros((6, 6, 6)), 0.5) is None


def test_files_of_meshes_hold_what_was_written(tmp_path: Path) -> None:
    mesh = Mesh(
        np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]], np.float32), np.array([[0, 2, 1], [0, 1, 3]], np.int32)
    )
    write_obj(tmp_path / "a.obj", mesh)
    lines = (tmp_path / "a.obj").read_text().splitlines()
    assert lines == [
        "v 0.00000 0.00000 0.00000", "v 1.00000 0.00000 0.00000", "v 0.00000 1.00000 0.00000",
        "v 0.00000 0.00000 1.00000", "f 1 3 2", "f 1 2 4",
    ]  # fmt: skip
    write_ply(tmp_path / "a.ply", mesh)
    head, _, body = (tmp_path / "a.ply").read_bytes().partition(b"end_header\n")
    assert head.startswith(b"ply\nformat binary_little_endian 1.0\n")
    assert b"element vertex 4\n" in head
    assert (np.frombuffer(body[:48], "<f4").reshape(4, 3) == mesh.vertices).all()
    assert len(body) == 48 + 2 * 13
    assert (np.frombuffer(body[49:61], "<i4") == mesh.faces[0]).all()


def test_a_turntable_shows_a_round_solid_alike_from_all_sides_and_others_not() -> None:
    steps = np.linspace(-1, 1, 24)
    x, y, z = np.meshgrid(steps, steps, steps, indexing="ij")
    ball = (x**2 + y**2 + z**2 < 0.6).astype(np.float32)
    block = ((abs(x) < 0.8) & (abs(y) < 0.2) & (abs(z) < 0.2)).astype(np.float32)
    seen = {name: turntable(solid, 32, 4).astype(int) for name, solid in (("ball", ball), ("block", block))}
    widths = {name: (abs(views - views[0, 0, 0]).max(3) > 30).any(1).sum(1) for name, views in seen.items()}
    assert widths["ball"].max() - widths["ball"].min() <= 1
    assert widths["block"][0] > 2 * widths["block"][1]
    assert widths["block"][0] == widths["block"][2]
    plain = view_of(np.zeros((8, 8, 8)), size_px=16)
    assert (plain == plain[0, 0]).all()


def test_up_is_up_in_pictures() -> None:
    solid = np.zeros((16, 16, 16), np.float32)
    solid[6:10, 11:15, 6:10] = 1  # y is large
    picture = view_of(solid, size_px=32).astype(int)
    rows = np.nonzero((abs(picture - picture[0, 0]).max(2) > 30).any(1))[0]
    assert rows.mean() < 12


# --- a run at work ---------------------------------------------------------------------------------------------------


def test_a_run_writes_meshes_turntables_and_voxels(place: Path, tmp_path: Path) -> None:
    maker = limner.load(place / "run")
    assert "VoxelMaker(16 voxels" in repr(maker)
    assert maker._repr_html_().startswith("<")
    likelihood = maker.generate(3, seed=2)
    torch.testing.assert_close(maker.generate(2, seed=2), likelihood[:2], atol=1e-5, rtol=0)
    written = generate_media(place / "run", GenerateOptions(n=3, seed=2), out=tmp_path / "made")
    with np.load(tmp_path / "made/voxels.npz") as file:
        filled = file["voxels"]
        assert (filled == (likelihood >= 0.5).numpy()).mean() > 0.999
    whole = [number for number in range(3) if filled[number].any()]
    assert [path.name for path in written.pictures] == [f"2-{number:06d}.obj" for number in whole]
    assert written.grid == tmp_path / "made/grid.png"
    for number in whole:
        assert (tmp_path / f"made/2-{number:06d}.ply").read_bytes().startswith(b"ply\n")
        with Image.open(tmp_path / f"made/2-{number:06d}.gif") as clip:
            assert clip.size == (128, 128)
    assert generate_media(place / "run", GenerateOptions(n=3, seed=2), out=tmp_path / "made").new == 0
    with pytest.raises(UserError, match="overwrite"):
        generate_media(place / "run", GenerateOptions(n=4, seed=2), out=tmp_path / "made")


def test_evaluating_again_gives_the_scores_of_the_training(place: Path) -> None:
    run = open_run(place / "run")
    found = evaluate_run(run, EvaluateOptions())
    assert limner.evaluate(place / "run").to_json()["rows"] == found.to_json()["rows"]
    other = evaluate_run(run, EvaluateOptions(), data=[place / "world/voxels"])
    assert "24 solids of other data" in other.protocol
    with pytest.raises(UserError, match="--features, --samples"):
        evaluate_run(run, EvaluateOptions(samples=20))


def test_runs_of_one_medium_are_compared_and_others_refused(place: Path, limner: CommandLine, here: Path) -> None:
    code, out, error = limner("compare", f"a={place / 'run'}", f"b={place / 'run'}")
    assert code == 0, error
    assert [line.split(" |")[0] for line in out.splitlines()[2:7]] == [
        "| a", "| b", f"| {TRAINING}", f"| {MEAN}", f"| {HELD_OUT}"
    ]  # fmt: skip
    assert limner("compare", str(place / "run"), "--out", "t.csv")[0] == 0
    assert (here / "t.csv").read_text().startswith("run,matching IoU,")
    code, _, error = limner("compare", str(place / "run"), "--samples", "9")
    assert (code, error.count("\n")) == (2, 1)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--text", "a chair"], "--text: "), (["--classes", "chair"], "makes solids and has no such thing"),
        (["--like", "x.png"], "--like: "), (["--interpolate", "walk.gif"], "--interpolate: "), (["-n", "0"], "-n is 0"),
    ],
)  # fmt: skip
def test_what_a_run_cannot_make_is_told_in_a_line(
    words: list[str], told: str, place: Path, limner: CommandLine, here: Path
) -> None:
    code, out, error = limner("generate", str(place / "run"), *words)
    assert (code, out, error.count("\n")) == (2, "", 1), error
    assert told in error
    assert not list(here.iterdir())


# --- bad data --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arrays", "told"),
    [
        ({"solids": np.ones((20, 16, 16, 16))}, "holds no array called voxels"),
        ({"voxels": np.ones((20, 16, 16))}, "of shape (20, 16, 16); needed: (N, side, side, side)"),
        ({"voxels": np.ones((20, 16, 16, 8))}, "of shape (20, 16, 16, 8)"),
        ({"voxels": np.ones((20, 32, 32, 32), np.uint8)}, "solids of 32 voxels a side, and data.side is 16"),
        ({"voxels": np.full((20, 16, 16, 16), 255, np.uint8)}, "values from 255 to 255; needed: 0 and 1 alone"),
        ({"voxels": np.full((20, 16, 16, 16), np.nan)}, "needed: 0 and 1 alone"),
        ({"voxels": np.full((20, 16, 16, 16), 0.5)}, "needed: 0 and 1 alone"),
        ({"voxels": np.zeros((20, 16, 16, 16), np.uint8)}, "0 solids with something in them; needed: 16"),
        ({"voxels": np.ones((3, 16, 16, 16), np.uint8)}, "3 solids with something in them; needed: 16"),
        ({"voxels": np.full((20, 16, 16, 16), "a")}, "is of type <U1; needed: numbers 0 and 1"),
    ],
)  # fmt: skip
def test_voxels_that_cannot_be(arrays: dict[str, np.ndarray], told: str, tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "solids.npz", **arrays)
    with pytest.raises(UserError) as caught:
        read_voxels([tmp_path], 16)
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)


def test_huge_voxels_are_refused_by_their_head_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    np.savez_compressed(tmp_path / "solids.npz", voxels=np.zeros((40, 16, 16, 16), np.uint8))
    monkeypatch.setattr("limner.generate.media.voxels.reading.MOST_BYTES", 40 * 16**3 - 1)
    monkeypatch.setattr(np, "load", lambda *_, **__: pytest.fail("the file was read"))
    with pytest.raises(UserError, match="40 solids of 16 voxels a side take"):
        read_voxels([tmp_path / "solids.npz"], 16)


def test_files_that_are_none_are_told(tmp_path: Path) -> None:
    (tmp_path / "cut.npz").write_bytes(b"PK\x03\x04 and no more")
    (tmp_path / "empty").mkdir()
    for paths, told in (
        ([tmp_path / "gone"], "no such file or folder"), ([tmp_path / "empty"], "holds no .npz files"),
        ([tmp_path / "cut.npz"], "not an .npz file, or cut short"), ([], "no data is given"),
    ):  # fmt: skip
        with pytest.raises(UserError) as caught:
            read_voxels(paths, 16)
        assert told in str(caught.value)


def test_empty_solids_are_left_out_and_told(tmp_path: Path) -> None:
    drawn = solids(20).numpy()
    drawn[3] = 0
    np.savez(tmp_path / "a.npz", voxels=drawn.astype(bool))
    found = read_voxels([tmp_path / "a.npz"], 16)
    assert (len(found), found.empty) == (19, 1)
    assert "19 solids of 16 x 16 x 16 voxels" in found.summary()
    assert "1 empty ones left out" in found.summary()
