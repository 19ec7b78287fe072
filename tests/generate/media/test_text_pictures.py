"""Pictures of sentences: the networks' sizes, the encoder, the losses, what is scored, what is written, bad input."""

import csv
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import limner
from limner.adversarial.losses import NonSaturating
from limner.datasets.world.drawing import draw_world
from limner.datasets.world.options import WorldOptions
from limner.datasets.world.rendering import picture_of
from limner.datasets.world.sentences import sentence_of
from limner.datasets.world.solids import draw_solid
from limner.foundation.errors import UserError
from limner.generate.making.options import GenerateOptions
from limner.generate.media.sample import Condition, MediaSample
from limner.generate.media.text.captions import read_captioned
from limner.generate.media.text.encoder import PictureEncoder, TextEncoder, Vocabulary, match, matching_loss
from limner.generate.media.text.gan_cls import Bottleneck
from limner.generate.media.text.measure import ONE, REAL, SHUFFLED, measure
from limner.generate.media.text.networks import TEXT_DISCRIMINATORS, TEXT_GENERATORS
from limner.generate.media.text.stackgan import ConditioningAugmentation, divergence
from limner.generate.media.text.task import TextTask
from limner.generate.media.verbs import evaluate_run, generate_media
from limner.generate.scoring.options import EvaluateOptions
from limner.learning.library import load_recipe
from limner.learning.runs.opening import open_run
from limner.learning.runs.score_rows import MADE, ScoreRows
from limner.nn.parameters import count_parameters

CommandLine = Callable[..., tuple[int, str, str]]
FEW = ("--kimg=0.016", "--batch=8", "--words.steps=2", "--words.batch=8", "--words.code=8", "--data.held-out=4")
NARROW = ("--generator.width=2", "--discriminator.width=2", "--generator.text=4", "--discriminator.text=4")
TINY = [*FEW, *NARROW, "--loop.precision=fp32"]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a drawn world and a run that learned two steps from it."""
    folder = tmp_path_factory.mktemp("text")
    draw_world(WorldOptions(pictures=24, size_px=32, sentences=2), out=folder / "world")
    limner.train("generate/gan-cls-light", data=folder / "world/pictures", out=folder / "run", overrides=TINY)
    return folder


# --- networks --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("width_g", "width_d", "generator", "discriminator"),
    [(128, 64, 18_909_699, 4_032_321), (196, 196, 41_107_551, 36_190_557)],
)
def test_gan_cls_has_the_parameters_of_the_authors_scripts(
    width_g: int, width_d: int, generator: int, discriminator: int
) -> None:
    with torch.device("meta"):
        makes = TEXT_GENERATORS["gan-cls"](size_px=64, channels=3, code=1024, width=width_g)
        tells = TEXT_DISCRIMINATORS["gan-cls"](size_px=64, channels=3, code=1024, width=width_d)
    assert (count_parameters(makes), count_parameters(tells)) == (generator, discriminator)


def test_stackgans_first_stage_has_the_parameters_of_the_authors_code() -> None:
    with torch.device("meta"):
        makes = TEXT_GENERATORS["stackgan"](size_px=64, channels=3, code=1024)
        tells = TEXT_DISCRIMINATORS["stackgan"](size_px=64, channels=3, code=1024)
    assert (count_parameters(makes), count_parameters(tells)) == (14_264_192, 4_029_824)


def test_augmented_codes_are_drawn_around_their_mean_in_training_alone() -> None:
    torch.manual_seed(0)
    augment = ConditioningAugmentation(6, 4)
    code = torch.randn(3, 6)
    drawn = torch.stack([augment(code) for _ in range(400)])
    mean, log_std = augment.told
    assert (abs(drawn - mean) <= 2 * log_std.exp() + 1e-5).all()  # truncated at 2
    torch.testing.assert_close(drawn.mean(0), mean, atol=0.25, rtol=0)
    torch.testing.assert_close(augment.eval()(code), mean)
    zero = torch.zeros(2, 4)
    assert divergence(zero, zero) == 0
    by_torch = torch.distributions.kl_divergence(
        torch.distributions.Normal(mean, log_std.exp()), torch.distributions.Normal(0.0, 1.0)
    )
    torch.testing.assert_close(augment.divergence(), by_torch.mean())


@pytest.mark.parametrize(("name", "size_px"), [("light", 32), ("light", 64), ("gan-cls", 64), ("stackgan", 64)])
@pytest.mark.parametrize("channels", [1, 3])
def test_a_pair_makes_and_tells_pictures_and_no_weight_is_dead(name: str, size_px: int, channels: int) -> None:
    torch.manual_seed(0)
    makes = TEXT_GENERATORS[name](size_px=size_px, channels=channels, code=8, width=4, text=8, latent=6)
    tells = TEXT_DISCRIMINATORS[name](size_px=size_px, channels=channels, code=8, width=4, text=8)
    picture = makes(torch.randn(3, 6), torch.randn(3, 8))
    assert picture.shape == (3, channels, size_px, size_px)
    assert abs(picture).max() <= 1
    logits = tells(picture, torch.randn(3, 8))
    assert logits.shape == (3,)
    logits.sum().backward()
    for network in (makes, tells):
        assert all(each.grad is not None for each in network.parameters())


def test_gan_cls_is_for_its_own_size_alone() -> None:
    with pytest.raises(UserError, match=r"for 64 px, and data\.size_px is 32; use light"):
        TEXT_GENERATORS["gan-cls"](size_px=32, channels=3, code=8)


def test_a_bottleneck_without_its_inside_is_the_activation() -> None:
    block = Bottleneck(4, 2, torch.nn.ReLU()).eval()
    for layer in block.inside:
        if isinstance(layer, torch.nn.Conv2d):
            torch.nn.init.zeros_(layer.weight)
            torch.nn.init.zeros_(layer.bias)
    x = torch.randn(2, 4, 5, 5)
    torch.testing.assert_close(block(x), x.relu())


# --- sentences as codes ----------------------------------------------------------------------------------------------


def test_a_vocabulary_knows_its_words_and_no_others() -> None:
    known = Vocabulary.of(["A red cube.", "a Blue ball"])
    assert known.words == ("a", "ball", "blue", "cube", "red")
    assert known.encode(["red cube", "a green ball"]).tolist() == [[5, 4], [1, 2]]
    known.check("a RED ball")
    with pytest.raises(UserError, match="never seen the word 'bleu'; did you mean 'blue'"):
        known.check("a bleu ball")
    with pytest.raises(UserError, match="has no words"):
        known.check(" ... ")


def test_a_code_depends_on_the_words_and_their_order_and_not_on_what_stands_beside() -> None:
    torch.manual_seed(0)
    encoder = TextEncoder(5, 16)
    alone = encoder(torch.tensor([[1, 2, 3]]))
    among = encoder(torch.tensor([[1, 2, 3, 0, 0], [1, 2, 3, 4, 5], [3, 2, 1, 0, 0]]))
    torch.testing.assert_close(alone[0], among[0])
    assert abs(among[0] - among[1]).max() > 1e-3
    assert abs(among[0] - among[2]).max() > 1e-3
    torch.testing.assert_close(among.square().mean(1), torch.ones(3))
    assert torch.isfinite(encoder(torch.zeros(1, 1, dtype=torch.int64))).all()  # no word that is known


def test_the_matching_loss_is_least_where_own_codes_match() -> None:
    codes = torch.eye(4) * 2.0  # of mean square 1, at right angles
    assert matching_loss(codes, codes) < 0.001
    assert matching_loss(codes, codes.roll(1, 0)) > 9
    torch.testing.assert_close(match(codes, codes).diagonal(), torch.full((4,), 10.0))
    torch.testing.assert_close(matching_loss(codes, codes[[0, 0, 0, 0]]) > 1, torch.tensor(True))


def test_the_encoders_learn_which_sentence_belongs_to_which_picture() -> None:
    """Sixteen pictures by heart, from the chance of 1 in 16."""
    torch.manual_seed(0)
    solids = [draw_solid(0, number) for number in range(16)]
    told = [f"a {solid.size} {solid.color} {solid.shape} {solid.place}" for solid in solids]
    words = Vocabulary.of(told)
    pictures = torch.from_numpy(np.stack([picture_of(solid, 32) for solid in solids]))
    image_pm1, sentences = pictures.permute(0, 3, 1, 2).float() / 127.5 - 1, words.encode(told)
    text, eyes = TextEncoder(len(words), 32, 16), PictureEncoder(32, 3, 32, 8)
    optimizer = torch.optim.Adam([*text.parameters(), *eyes.parameters()], lr=3e-3)
    first = last = matching_loss(eyes(image_pm1), text(sentences))
    for _ in range(60):
        last = matching_loss(eyes(image_pm1), text(sentences))
        optimizer.zero_grad()
        last.backward()
        optimizer.step()
    assert last < first / 3


# --- how it learns ---------------------------------------------------------------------------------------------------


def test_the_discriminators_loss_is_algorithm_1(place: Path) -> None:
    """log s(real, right) + (log(1 - s(real, wrong)) + log(1 - s(made, right))) / 2."""
    task = TextTask(load_recipe("generate/gan-cls-light", [*TINY, "--data.paths", f"[{place / 'world/pictures'}]"]))
    tells = torch.nn.Linear(8, 1).double()
    task.discriminator = lambda made, code: tells(made * code)[:, 0]
    made = {name: torch.randn(6, 8, dtype=torch.float64) for name in ("real", "fake")}
    codes = Condition(vector=torch.randn(6, 8, dtype=torch.float64))
    real, fake = (MediaSample(made[name], codes) for name in ("real", "fake"))
    r = task.discriminate(real)
    w, f = (task.discriminate(each) for each in reversed(task.as_fake(real, fake, 0)))
    by_hand = -(r.sigmoid().log() + ((1 - w.sigmoid()).log() + (1 - f.sigmoid()).log()) / 2).mean()
    loss = NonSaturating().discriminator(r, task.discriminate(task.as_fake(real, fake, 0)))
    torch.testing.assert_close(loss, by_hand)
    torch.testing.assert_close(
        w, task.discriminate(MediaSample(made["real"], Condition(vector=codes.vector.roll(1, 0))))
    )


def test_the_generator_is_also_asked_for_what_lies_between_two_sentences(place: Path) -> None:
    task = TextTask(load_recipe("generate/gan-cls-light", [*TINY, "--data.paths", f"[{place / 'world/pictures'}]"]))
    codes = torch.randn(8, 4)
    asked = task.asked(MediaSample(torch.zeros(8, 1), Condition(vector=codes)), 0).vector
    assert asked.shape == (12, 4)
    torch.testing.assert_close(asked[:8], codes)
    torch.testing.assert_close(asked[8], (codes[0] + codes[4]) / 2)


# --- scores ----------------------------------------------------------------------------------------------------------


def test_true_pictures_fit_their_sentences_and_shuffled_ones_do_not() -> None:
    """What were made perfectly scores 100 %, and with other sentences about what chance gives."""
    solids = [draw_solid(0, number) for number in range(80)]
    sentences = [sentence_of(solid, 0, number) for number, solid in enumerate(solids)]
    pictures = torch.from_numpy(np.stack([picture_of(solid, 32) for solid in solids])).permute(0, 3, 1, 2)
    codes = torch.randn(80, 16, generator=torch.Generator().manual_seed(0))
    found = measure(pictures, pictures, sentences, lambda given: codes[: len(given)], codes)
    assert all(found.rows[MADE][name] == found.rows[REAL][name] == 1 for name in ("color", "shape", "size", "place"))
    assert found.rows[MADE]["matched"] == 1
    for name, chance in (("color", 1 / 6), ("shape", 1 / 5), ("size", 1 / 2), ("place", 1 / 5)):
        assert abs(found.rows[SHUFFLED][name] - chance) < 0.17
        assert chance <= found.rows[ONE][name] < chance + 0.2
    assert found.intervals["color"] == (1.0, 1.0)
    again = ScoreRows.from_json(found.to_json())
    assert again.line() == found.line()
    assert "color right 100.0 %" in found.line()


def test_pictures_of_one_answer_score_the_share_of_the_commonest() -> None:
    solids = [draw_solid(2, number) for number in range(40)]
    sentences = [f"a {solid.color} {solid.shape}" for solid in solids]
    one = torch.from_numpy(np.stack([picture_of(solids[0], 32)] * 40)).permute(0, 3, 1, 2)
    found = measure(one, one, sentences, lambda given: torch.ones(len(given), 4), torch.ones(40, 4))
    share = np.mean([solid.color == solids[0].color for solid in solids])
    assert found.rows[MADE]["color"] == pytest.approx(share)
    assert found.rows[MADE]["size"] is None  # no sentence tells it
    assert found.rows[MADE]["color"] <= found.rows[ONE]["color"]


# --- a run at work ---------------------------------------------------------------------------------------------------


def test_a_run_makes_pictures_of_sentences(place: Path, tmp_path: Path) -> None:
    predictor = limner.load(place / "run")
    assert "TextPictureGenerator(32 px" in repr(predictor)
    assert predictor._repr_html_().startswith("<")
    made = predictor.generate(["a red cube", "a blue ball"], 5, seed=3)
    assert made.shape == (5, 3, 32, 32)
    torch.testing.assert_close(
        predictor.generate(["a red cube", "a blue ball"], 3, seed=3), made[:3], atol=1e-5, rtol=0
    )
    options = GenerateOptions(n=4, text=("a red cube", "a blue ball"), seed=3)
    written = generate_media(place / "run", options, out=tmp_path / "made")
    assert [path.name for path in written.pictures] == [f"3-{number:06d}.png" for number in range(4)]
    first = np.asarray(Image.open(written.pictures[1]))
    assert abs(first / 255 - made[1].permute(1, 2, 0).numpy()).max() < 0.01
    assert written.grid is not None
    assert generate_media(place / "run", options, out=tmp_path / "made").new == 0
    with pytest.raises(UserError, match="another run, truncation"):
        generate_media(place / "run", GenerateOptions(n=4, text=("a red ball",)), out=tmp_path / "made")


def test_evaluating_again_gives_the_scores_of_the_training(place: Path) -> None:
    run = open_run(place / "run")
    found = evaluate_run(run, EvaluateOptions())
    kept = ScoreRows.from_json(limner.evaluate(place / "run").to_json())
    assert kept.rows == found.rows
    other = evaluate_run(run, EvaluateOptions(), data=[place / "world/pictures"])
    assert "24 sentences of pictures of other data" in other.protocol


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--text", "a red elephant"], "never seen the word 'elephant'"), (["--text", ""], "has no words"),
        (["--text", "a red cube", "--classes", "car"], "--classes: "), (["--like", "x.png"], "--like: "),
        (["--interpolate", "walk.gif"], "--interpolate: "), (["--latent-steps", "2"], "--latent-steps: "),
        (["--text", "a red cube", "--seed", "-1"], "--seed is -1"),
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


def write(folder: Path, rows: str, name: str = "captions.csv") -> Path:
    for number in range(17):
        Image.new("RGB", (8, 8), (number, 0, 0)).save(folder / f"{number}.png")
    (folder / name).write_text(rows, encoding="utf-8")
    return folder


GOOD = "".join(f"{number}.png,a red cube\n" for number in range(16))


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ("", "its columns are none; needed: file and caption"), ("file,text\n0.png,a\n", "its columns are file, text"),
        ("file,caption\n0.png,\n", "line 2: the caption of 0.png has no words"),
        ("file,caption\n0.png,'...'\n", "line 2: the caption of 0.png has no words"),
        ("file,caption\n0.png,a cube\n9x.png,a ball\n", "line 3: there is no picture 9x.png"),
        ("file,caption\n../secret.png,a cube\n", "line 2: there is no picture ../secret.png"),
        ("file,caption\n0.png\n", "line 2: has 1 columns; needed: 2"),
        ("file,caption\n0.png,a cube\n1.png,a ball\n", "2 pictures with captions; needed: 16 or more"),
        (f"file,caption\n0.png,{'a ' * 1200}\n", "characters; a caption has 2000 at most"),
    ],
)  # fmt: skip
def test_captions_that_cannot_be_are_told_with_their_line(rows: str, told: str, tmp_path: Path) -> None:
    (tmp_path / "secret.png").touch()
    (tmp_path / "data").mkdir()
    with pytest.raises(UserError, match=told.replace("?", r"\?")) as caught:
        read_captioned([write(tmp_path / "data", rows)], size_px=32, colors="rgb", fit="crop")
    assert "\n" not in str(caught.value)


def test_captions_may_be_several_and_separated_by_tabs(tmp_path: Path) -> None:
    rows = "caption\tfile\n" + GOOD.replace("\n", "\n").replace(".png,", ".png\t")
    turned = "\n".join("\t".join(reversed(line.split("\t"))) for line in rows.splitlines()[1:])
    folder = write(tmp_path, f"caption\tfile\n{turned}\nround, blue\t3.png\n", "captions.tsv")
    found = read_captioned([folder], size_px=32, colors="gray", fit="crop")
    assert found.pictures.shape == (16, 1, 32, 32)
    assert found.captions[3] == ("a red cube", "round, blue")
    assert "16 pictures of 32 x 32 px with 17 sentences" in found.summary()


def test_missing_tables_and_binary_ones_are_told(tmp_path: Path) -> None:
    for path, told in ((tmp_path / "gone", "no such file or folder"), (tmp_path, "holds no captions.csv")):
        with pytest.raises(UserError, match=told):
            read_captioned([path], size_px=32, colors="rgb", fit="crop")
    with pytest.raises(UserError, match="no data is given"):
        read_captioned([], size_px=32, colors="rgb", fit="crop")
    write(tmp_path, "")
    (tmp_path / "captions.csv").write_bytes(b"\xff\xfe\x00file")
    with pytest.raises(UserError, match="not text in UTF-8"):
        read_captioned([tmp_path], size_px=32, colors="rgb", fit="crop")


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        (["--batch", "64"], "batch is 64, but there are 20 pictures"), (["--words.batch", "64"], "words.batch is 64"),
        (["--loop.accumulate", "2"], "loop.accumulate is 2"), (["--data.size-px", "48"], "data.size_px is 48"),
        (["--generator.name", "gan-cls"], "for 64 px"), (["--data.held-out", "1.5"], "data.held_out is 1.5"),
    ],
)  # fmt: skip
def test_settings_that_cannot_be(settings: list[str], told: str, place: Path) -> None:
    with pytest.raises(UserError, match=told):
        TextTask(
            load_recipe("generate/gan-cls-light", [*TINY, "--data.paths", f"[{place / 'world/pictures'}]", *settings])
        )


def test_the_drawn_worlds_table_is_such_a_table(place: Path) -> None:
    rows = list(csv.DictReader((place / "world/pictures/captions.csv").open(encoding="utf-8")))
    found = read_captioned([place / "world/pictures"], size_px=32, colors="rgb", fit="crop")
    assert len(found) == 24
    assert found.captions[0] == (rows[0]["caption"], rows[1]["caption"])
    assert (found.pictures[5].permute(1, 2, 0).numpy() == picture_of(draw_solid(0, 5), 32)).all()
