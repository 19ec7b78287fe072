"""Music: notes on grids, ABC and MIDI, forms and networks, the scores against slow ones, what is written, bad input."""

import json
import wave
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from lightning_fabric import Fabric
from PIL import Image
from symusic import Note, Score, Track

import limner
from drawn_tunes import draw_tunes
from limner.adversarial.update import Update
from limner.foundation.errors import UserError
from limner.generate.making.options import GenerateOptions
from limner.generate.media.music.data.abc import read_abc, sharps_of
from limner.generate.media.music.data.midi import read_midi, write_midi
from limner.generate.media.music.data.notes import HOLD, REST, Piece, begun, notes_of, on_grid, sounding, steps_of
from limner.generate.media.music.data.reading import MusicSettings, read_music
from limner.generate.media.music.markov import Markov
from limner.generate.media.music.measure import (
    HISTOGRAMS,
    MARKOV_1,
    TRAINING,
    bars_of,
    copied,
    distance,
    histograms,
    measure,
    nearness,
    phrases_of,
)
from limner.generate.media.music.networks import forms
from limner.generate.media.music.networks.c_rnn_gan import RecurrentDiscriminator, RecurrentGenerator
from limner.generate.media.music.networks.grids import chosen, factors_of, sounds
from limner.generate.media.music.networks.listing import MUSIC_DISCRIMINATORS, MUSIC_GENERATORS
from limner.generate.media.music.networks.midinet import MidiNetDiscriminator, MidiNetGenerator
from limner.generate.media.music.roll import PITCH_PX, STEP_PX, VOICES, roll_picture
from limner.generate.media.music.sound import RATE, tones
from limner.generate.media.music.task import MusicTask
from limner.generate.media.sample import MediaSample
from limner.generate.media.verbs import evaluate_run, generate_media
from limner.generate.scoring.options import EvaluateOptions
from limner.learning.library import load_recipe
from limner.learning.loop.task import StageContext
from limner.learning.runs.opening import open_run
from limner.learning.runs.score_rows import MADE, ScoreRows
from limner.nn.parameters import count_parameters

CommandLine = Callable[..., tuple[int, str, str]]
ONE = MusicSettings(voices=1, bar=16, common_key=True)
TINY = ["--kimg=0.016", "--batch=8", "--bars=2", "--data.held-out=4", "--scores.samples=16", "--loop.precision=fp32"]
GRID = [*TINY, "--generator.width=2", "--generator.latent=4", "--discriminator.width=2"]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with drawn tunes and a run that learned two steps from them."""
    folder = tmp_path_factory.mktemp("music")
    (folder / "tunes").mkdir()
    (folder / "tunes/tunes.abc").write_text(draw_tunes(24))
    limner.train("generate/melody", data=folder / "tunes", out=folder / "run", overrides=GRID)
    return folder


def random_steps(count: int, voices: int, steps: int, seed: int = 0) -> np.ndarray:
    """(count, voices, steps): pitches from 50 to 70, held half of the time, now and then a rest."""
    draws = np.random.default_rng(seed)
    drawn = draws.integers(50, 71, (count, voices, steps))
    kind = draws.random((count, voices, steps))
    return begun(np.where(kind < 0.5, HOLD, np.where(kind < 0.6, REST, drawn)))


# --- notes -----------------------------------------------------------------------------------------------------------


def test_notes_are_those_of_a_slow_walk_over_the_steps() -> None:
    for voice in random_steps(20, 1, 40)[:, 0]:
        slow: list[list[int]] = []
        now = None
        for at, step in enumerate(voice.tolist()):
            if step < 128:
                now = [step, at, 1]
                slow.append(now)
            elif step == HOLD and now is not None:
                now[2] += 1
            else:
                now = None
        notes = notes_of(voice)
        assert np.stack([notes.pitch, notes.start, notes.duration], 1).tolist() == slow
        heard = [-1] * 40
        for pitch, start, length in slow:
            heard[start : start + length] = [pitch] * length
        assert sounding(voice).tolist() == heard


def test_a_grid_holds_one_note_at_a_time() -> None:
    assert on_grid([(0, 2, 60), (2, 4, 62)], 5).tolist() == [60, HOLD, 62, HOLD, REST]
    assert on_grid([(0, 4, 60), (1, 2, 62)], 4).tolist() == [60, 62, REST, REST]  # the later ends the earlier
    assert on_grid([(0, 1, 60), (0, 1, 67)], 2).tolist() == [67, REST]  # the higher stays
    assert on_grid([(0.2, 0.3, 60), (9, 10, 61)], 2).tolist() == [60, REST]  # short has a step; late has none


def test_what_is_heard_becomes_notes_and_is_heard_again() -> None:
    heard = np.array([[60, 60, -1, 62, 62, 60]])
    assert steps_of(heard).tolist() == [[60, HOLD, REST, 62, HOLD, 60]]
    assert sounding(steps_of(heard)[0]).tolist() == heard[0].tolist()


# --- ABC -------------------------------------------------------------------------------------------------------------


def test_abc_is_read_as_it_is_meant() -> None:
    (tune,) = read_abc('X:1\nT:A\nM:4/4\nL:1/4\nK:D\n"D"F/G/ {a}A2 =f|(3ABc d>e z [DFA]|c\'C,2-C,|')
    assert (tune.title, tune.meter, tune.sharps, len(tune.bars)) == ("A", (4, 4), 2, 3)
    first, second, third = ([(float(s), float(n), p) for s, n, p, _ in bar] for bar in tune.bars)
    assert first == [(0, 0.125, 66), (0.125, 0.125, 67), (0.25, 0.5, 69), (0.75, 0.25, 77)]
    thirds = [(pitch, round(length, 4)) for _, length, pitch in second[:3]]
    assert thirds == [(69, 0.1667), (71, 0.1667), (73, 0.1667)]
    assert [(length, pitch) for _, length, pitch in second[3:]] == [
        (0.375, 74), (0.125, 76), (0.25, None), (0.25, 69)
    ]  # fmt: skip
    assert [(p, tied) for _, _, p, tied in tune.bars[2]] == [(85, False), (49, False), (49, True)]
    assert third[1][1] == 0.5


@pytest.mark.parametrize(
    ("key", "sharps"),
    [("C", 0), ("G", 1), ("F", -1), ("Bb", -2), ("F#m", 3), ("Am", 0), ("D mix", 1), ("Ador", 1), ("E phr", 0),
     ("Bmin", 2), ("?", None)],
)  # fmt: skip
def test_keys_have_their_signatures(key: str, sharps: int | None) -> None:
    assert sharps_of(key) == sharps


def test_accidentals_last_for_a_bar_and_an_octave() -> None:
    (tune,) = read_abc("X:1\nM:4/4\nL:1/4\nK:C\n^F F f _B|F B")
    assert [pitch for bar in tune.bars for _, _, pitch, _ in bar] == [66, 66, 77, 70, 65, 71]


def test_tunes_are_put_on_the_grid_in_one_key_with_upbeats_dropped(tmp_path: Path) -> None:
    text = "X:1\nM:4/4\nL:1/4\nK:G\nD|GABc|dcB-:|B|AGFG|\n\nX:2\nM:6/8\nL:1/8\nK:C\nCDEFGA|c6|"
    (tmp_path / "a.abc").write_text(text)
    found = read_music([tmp_path], ONE, least=1)
    (piece,) = found.pieces
    assert found.left_out == 1
    bars = piece.steps[0].reshape(-1, 16)
    assert bars[0, ::4].tolist() == [72, 74, 76, 77]  # G major is brought to C, a fourth up
    assert bars[1, ::4].tolist() == [79, 77, 76, HOLD]  # what the repeat splits is one bar; the tie is held
    assert bars[2, ::4].tolist() == [74, 72, 71, 72]
    same = read_music([tmp_path], MusicSettings(1, 16, False), least=1).pieces[0]
    assert same.steps[0, 0] == 67
    jig = read_music([tmp_path / "a.abc"], MusicSettings(1, 12, True), least=1).pieces[0]
    assert jig.steps[0, :4].tolist() == [60, HOLD, 62, HOLD]


# --- MIDI ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("voices", [1, 4])
def test_midi_that_is_written_is_read_again(voices: int, tmp_path: Path) -> None:
    steps = random_steps(1, voices, 64)[0]
    steps = np.where(steps < 128, steps - 12 * np.arange(voices)[:, None], steps)  # voices keep their order
    write_midi(tmp_path / "a.mid", steps)
    assert (read_midi(tmp_path / "a.mid", voices, 16).steps == steps).all()
    score = Score(str(tmp_path / "a.mid"))
    assert len(score.tracks) == voices
    assert round(score.tempos[0].qpm) == 112


def test_of_chords_the_highest_note_is_the_melody(tmp_path: Path) -> None:
    score = Score(480)
    score.tracks.append(Track("piano", 0, False))
    for start, pitch in ((0, 60), (0, 64), (480, 67), (480, 55)):
        score.tracks[0].notes.append(Note(start, 480, pitch, 80))
    score.dump_midi(tmp_path / "a.mid")
    assert read_midi(tmp_path / "a.mid", 1, 16).steps[0, :8:4].tolist() == [64, 67]


def drums(path: Path) -> None:
    score = Score(480)
    score.tracks.append(Track("drums", 0, True))
    score.tracks[0].notes.append(Note(0, 480, 38, 80))
    score.dump_midi(path)


# --- bad data --------------------------------------------------------------------------------------------------------


def chords(path: Path) -> None:
    path.write_text(json.dumps([[[60, 64], [60, 64]]]))


@pytest.mark.parametrize(
    ("name", "build", "told"),
    [
        ("a.mid", drums, "has drums alone; needed: a melody"),
        ("a.mid", lambda path: Score(480).dump_midi(path), "has no notes"),
        ("a.mid", lambda path: path.write_bytes(b"MThd\0\0"), "not a MIDI file, or damaged"),
        ("a.mid", lambda path: path.write_bytes(b""), "not a MIDI file, or damaged"),
        ("a.abc", lambda path: path.write_text("no tune"), "holds no tune"),
        ("a.abc", lambda path: path.write_text("X:1\nM:4/4\nK:C\nz8|z8|"), "holds no tune"),
        ("a.abc", lambda path: path.write_text("X:1\nM:3/4\nK:C\nC6|D6|"), "(1 in another meter than 4/4"),
        ("a.json", lambda path: path.write_text("{"), "not JSON"),
        ("a.json", lambda path: path.write_text('{"train": 3}'), "holds int; needed: lists of pieces"),
        ("a.json", chords, "piece 0 is of shape (2, 2)"),
        ("a.json", lambda path: path.write_text("[[[60], [61, 62]]]"), "steps of several lengths"),
        ("a.json", lambda path: path.write_text("[[[60], [200]]]"), "has a pitch of 200"),
        ("a.json", lambda path: path.write_text("[[[60], [60.5]]]"), "no whole numbers from -1"),
        ("a.npz", lambda path: np.savez(path, tunes=np.ones(3)), "holds no array called notes"),
        ("a.npz", lambda path: np.savez(path, notes=np.ones((3, 2, 32))), "is of shape (3, 2, 32)"),
        ("a.npz", lambda path: np.savez(path, notes=np.full((3, 1, 32), np.nan)), "no whole numbers"),
        ("a.npz", lambda path: path.write_bytes(b"PK\3\4"), "not an .npz file, or cut short"),
        ("a.txt", lambda path: path.write_text("x"), "of a kind that is not read"),
        ("gone.abc", lambda path: None, "no such file or folder"),
    ],
)  # fmt: skip
def test_music_that_cannot_be(name: str, build: Callable[[Path], object], told: str, tmp_path: Path) -> None:
    build(tmp_path / name)
    with pytest.raises(UserError) as caught:
        read_music([tmp_path / name], ONE)
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)


def test_too_few_voices_and_empty_folders_are_told(tmp_path: Path) -> None:
    write_midi(tmp_path / "a.mid", random_steps(1, 2, 32)[0])
    with pytest.raises(UserError, match="has 2 tracks with notes; needed: 4, one a voice"):
        read_music([tmp_path], MusicSettings(4, 16, False))
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="holds no music"):
        read_music([tmp_path / "empty"], ONE)
    (tmp_path / "b.abc").write_text(draw_tunes(1))
    with pytest.raises(UserError, match=r"ABC tunes have one voice, and data\.voices is 2"):
        read_music([tmp_path / "b.abc"], MusicSettings(2, 16, False))


def test_json_and_npz_hold_what_is_heard_and_lie_alone(tmp_path: Path) -> None:
    heard = np.where(random_steps(3, 2, 40) < 128, random_steps(3, 2, 40), -1)
    np.savez(tmp_path / "a.npz", notes=heard)
    (tmp_path / "b.json").write_text(json.dumps({"train": [heard[0].T.tolist()], "test": [heard[2].T.tolist()]}))
    settings = MusicSettings(2, 16, False)
    found = read_music([tmp_path], settings)
    assert len(found) == 3  # of equal pieces one
    assert found.pieces[0].steps.shape == (2, 32)  # whole bars
    assert sounding(found.pieces[0].steps[1]).tolist() == heard[0, 1, :32].tolist()
    write_midi(tmp_path / "c.mid", random_steps(1, 2, 32, seed=9)[0])
    assert [piece.name for piece in read_music([tmp_path], settings, least=1).pieces] == ["c.mid"]


# --- forms and networks ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "voices", "bars"), [("steps", 3, 2), ("pitches", 1, 1), ("piano-roll", 2, 4), ("events", 1, 4)]
)
def test_a_form_gives_back_what_is_heard(name: str, voices: int, bars: int) -> None:
    shape = forms.MusicShape(voices, bars, 16, 50, 70)
    steps = torch.from_numpy(random_steps(6, voices, shape.steps).astype(np.int64))
    if name == "pitches":  # has no rests
        steps = torch.where(steps == REST, HOLD, steps)
        steps[..., 0] = 60
    form = forms.FORMS[name](shape)
    again = form.decode(form.encode(steps))
    assert again.shape == steps.shape
    expected = [sounding(voice) for voice in steps.flatten(0, 1).numpy()]
    found = [sounding(voice) for voice in again.flatten(0, 1).numpy()]
    if name == "events":  # a gap is heard as such, the first note comes at once
        expected = [
            np.concatenate([each[np.argmax(each >= 0) :], np.full(np.argmax(each >= 0), -1)]) for each in expected
        ]
    assert [each.tolist() for each in found] == [each.tolist() for each in expected]


@pytest.mark.parametrize(("condition", "generator", "discriminator"), [(13, 530_625, 312_703), (0, 502_337, 201_410)])
def test_midinet_has_the_parameters_of_the_authors_code(condition: int, generator: int, discriminator: int) -> None:
    shape = forms.MusicShape(1, 8, 16, 50, 80)
    with torch.device("meta"):
        assert count_parameters(MidiNetGenerator(shape, condition=condition)) == generator
        assert count_parameters(MidiNetDiscriminator(shape, condition=condition)) == discriminator


def test_c_rnn_gan_has_the_parameters_of_the_authors_code() -> None:
    shape = forms.MusicShape(1, 8, 16, 50, 80)
    assert count_parameters(RecurrentGenerator(shape)) == 1_967_354
    assert count_parameters(RecurrentDiscriminator(shape)) == 2_957_501


@pytest.mark.parametrize("name", sorted(MUSIC_GENERATORS))
def test_a_pair_makes_and_tells_music_and_no_weight_is_dead(name: str) -> None:
    torch.manual_seed(0)
    voices = 2 if name in ("grid", "bar", "musegan") else 1
    shape = forms.MusicShape(voices, 4, 16, 50, 62)
    small = {"hidden": 4, "events": 6} if name == "c-rnn-gan" else {"width": 4}
    makes = MUSIC_GENERATORS[name](shape=shape, **small)
    small.pop("events", None)
    tells = MUSIC_DISCRIMINATORS[name](shape=shape, **small)
    form = forms.FORMS[makes.form](shape)
    given = [form.encode(torch.full((3, voices, 16), 55))] if makes.by_bars else []
    made = makes(torch.randn(3, makes.latent), *given)
    steps = form.decode(made.detach())
    assert steps.shape == (3, voices, 16 if makes.by_bars else 64)
    assert ((steps >= 0) & (steps <= REST)).all()
    logits = tells(made, *(given if getattr(tells, "sees_previous", False) else []))
    assert logits.shape == (3,)
    logits.square().sum().backward()
    for network in (makes, tells):
        assert [each for each, weight in network.named_parameters() if weight.grad is None] == []


def test_what_sounds_is_what_a_slow_walk_hears() -> None:
    shape = forms.MusicShape(2, 2, 16, 50, 70)
    steps = torch.from_numpy(random_steps(5, 2, 32))
    form = forms.OneHotSteps(shape)
    heard = sounds(form.encode(steps))
    slow = np.stack([[sounding(voice) for voice in phrase] for phrase in steps.numpy()])
    assert torch.where(heard.sum(-1) > 0, heard.argmax(-1) + 50, -1).tolist() == slow.tolist()


def test_a_choice_is_sharp_and_has_the_gradient_of_its_likelihoods() -> None:
    logits = torch.randn(4, 5, dtype=torch.float32, requires_grad=True)
    weights = torch.randn(4, 5)
    sharp = chosen(logits)
    assert torch.allclose(sharp.sum(-1), torch.ones(4))
    assert (sharp.detach().round() == torch.nn.functional.one_hot(logits.argmax(-1), 5)).all()
    (found,) = torch.autograd.grad((sharp * weights).sum(), logits)
    (wanted,) = torch.autograd.grad((logits.softmax(-1) * weights).sum(), logits)
    assert torch.allclose(found, wanted)


def test_bars_come_again_where_the_plan_says_so() -> None:
    shape = forms.MusicShape(1, 6, 16, 50, 70)
    makes = MUSIC_GENERATORS["grid"](shape=shape, width=4, latent=8, motifs=1, drawn=True).eval()
    bars = makes(torch.randn(3, makes.latent)).unflatten(2, (6, 16))
    assert (bars == bars[:, :, :1]).all()


def test_notes_are_drawn_as_likely_as_the_logits_say() -> None:
    logits = torch.tensor([0.0, 1.0, 2.0, -1.0]).expand(40_000, 4).clone().requires_grad_()
    noise = torch.randn(40_000, 4, generator=torch.Generator().manual_seed(0))
    made = chosen(logits, noise)
    assert torch.equal(made.detach().round().sum(1), torch.ones(40_000))
    assert torch.allclose(made.detach().mean(0), logits[0].detach().softmax(0), atol=0.01)  # 4 deviations of the mean
    made[:, 0].sum().backward()
    assert (logits.grad != 0).any(1).float().mean() > 0.99


def test_the_same_latent_gives_the_same_notes_and_noise_alone_gives_others() -> None:
    shape = forms.MusicShape(1, 2, 16, 50, 70)
    makes = MUSIC_GENERATORS["grid"](shape=shape, width=4, latent=8, drawn=True).eval()
    latent = torch.randn(2, makes.latent)
    assert torch.equal(makes(latent), makes(latent))
    assert not torch.equal(makes(latent), makes(torch.cat([latent[:, :8], latent[:, 8:].roll(1, 1)], 1)))
    plain = MUSIC_GENERATORS["grid"](shape=shape, width=4, latent=8)
    assert plain.latent == 8


def test_notes_are_drawn_by_numbers_of_a_normal_distribution(place: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="prior is uniform; drawing notes needs normal"):
        limner.train(
            "generate/melody", data=place / "tunes", out=tmp_path / "run", overrides=[*GRID, "--prior", "uniform"]
        )


@pytest.mark.parametrize(("bar", "factors"), [(16, [2, 2, 2, 2]), (12, [3, 2, 2]), (8, [2, 2, 2])])
def test_bars_are_made_in_steps_of_two_and_three(bar: int, factors: list[int]) -> None:
    assert factors_of(bar) == factors
    with pytest.raises(UserError, match="bars have 10 steps"):
        factors_of(10)


# --- scores ----------------------------------------------------------------------------------------------------------


def test_histograms_are_those_of_a_tune_that_one_can_count() -> None:
    bar = [60, HOLD, 62, HOLD, 64, 65, 67, REST]
    phrase = np.array([[[*bar, *bar, *([72, *[HOLD] * 7]), *bar]]])
    found = histograms(phrase, 8)
    counts = {name: (each * (16 if name != "intervals" else 15)).round(6) for name, each in found.items()}
    assert counts["pitch_classes"][[0, 2, 4, 5, 7]].tolist() == [4, 3, 3, 3, 3]
    assert counts["durations"][[0, 1, 7]].tolist() == [9, 6, 1]
    assert counts["onsets"].tolist() == [4, 0, 3, 0, 3, 3, 3, 0]
    assert counts["intervals"][[12 - 7, 12 + 1, 12 + 2]].tolist() == [1, 3, 9]
    assert found["repeats"].tolist() == [0.5, 0.25, 0.25, 0]  # nowhere, the bar before, two bars before
    assert distance(found["onsets"], found["onsets"]) == 0
    assert distance(np.array([1.0, 0]), np.array([0, 1.0])) == distance(np.zeros(2), np.array([0, 1.0])) == 1


def test_copies_are_told_and_held_music_is_nearer_than_noise() -> None:
    pieces = [Piece(str(number), steps) for number, steps in enumerate(random_steps(12, 2, 64))]
    scores = measure(phrases_of(pieces[:8], 32), pieces[:8], pieces[8:], 16)
    assert scores.rows[MADE]["copied"] == 1
    assert {name: scores.rows[MADE][name] for name in HISTOGRAMS} == {
        name: scores.rows[TRAINING][name] for name in HISTOGRAMS
    }
    other = random_steps(16, 2, 32, seed=5)
    assert copied(other, 16, bars_of(pieces, 16)) == 0
    assert nearness(phrases_of(pieces[8:], 32), pieces[8:], 16) == 1
    perfect = measure(phrases_of(pieces[8:], 32), pieces[:8], pieces[8:], 16)
    assert perfect.rows[MADE]["nearer"] == 4  # no bar comes again in any of them
    silent = measure(np.full((4, 2, 32), REST), pieces[:8], pieces[8:], 16)
    assert all(silent.rows[MADE][name] == 1 for name in HISTOGRAMS)
    assert ScoreRows.from_json(perfect.to_json()).rows == perfect.rows


def test_markov_models_know_as_much_as_their_order() -> None:
    scale = np.array([[60, HOLD, 62, HOLD, 64, HOLD, 60, 64] * 8])
    draws = np.random.default_rng(0)
    fourth = Markov([scale], 4).draw(3, 64, draws)
    assert (fourth == scale).all()  # four steps tell where in it one is
    first = Markov([scale], 1).draw(20, 64, draws)
    follows = {(a, b) for voice in first[:, 0] for a, b in zip(voice[:-1].tolist(), voice[1:].tolist(), strict=True)}
    known = set(zip(scale[0, :-1].tolist(), scale[0, 1:].tolist(), strict=True))
    assert follows <= known
    assert not (first == scale).all()
    leaps = histograms(first, 8)["intervals"]
    assert set(np.flatnonzero(leaps)) <= set(np.flatnonzero(histograms(scale[None], 8)["intervals"]))


# --- the task --------------------------------------------------------------------------------------------------------


def task_of(name: str, place: Path, folder: Path, *settings: str) -> MusicTask:
    task = MusicTask(load_recipe(f"generate/{name}", [*TINY, f"--data.paths=[{place / 'tunes'}]", *settings]))
    task.begin(task.stages()[-1], StageContext(Fabric(accelerator="cpu", devices=1), folder))
    return task


C_RNN = ("--generator.hidden=4", "--generator.events=6", "--discriminator.hidden=4", "--pretraining=0")


@pytest.mark.parametrize(
    ("g", "d", "rests"), [(1.0, 0.6, True), (1.0, 0.8, False), (5.0, 3.0, False), (5.0, 1.9, True)]
)
def test_the_discriminator_of_c_rnn_gan_rests_while_it_is_far_ahead(
    g: float, d: float, rests: bool, place: Path, tmp_path: Path
) -> None:
    task = task_of("c-rnn-gan", place, tmp_path, *C_RNN)
    task.state["generator_loss"].fill_(g)
    task.state["discriminator_loss"].fill_(d)
    before = [each.detach().clone() for each in task.networks["discriminator"].parameters()]
    values = task.teach_discriminator(task.real(torch.arange(8), 0), 0)
    after = task.networks["discriminator"].parameters()
    assert any(not torch.equal(one, other) for one, other in zip(before, after, strict=True)) != rests
    assert torch.equal(task.state["discriminator_loss"], values["discriminator_loss"])


def test_features_in_place_of_fooling_are_equal_for_equal_music(place: Path, tmp_path: Path) -> None:
    task = task_of("c-rnn-gan", place, tmp_path, *C_RNN)
    task.networks["discriminator"].eval()
    real = task.real(torch.arange(8), 0)
    terms = task.generator_terms()
    assert terms["features"](Update(0, real, real)).item() == 0
    other = MediaSample(real.made + 1)
    assert terms["features"](Update(0, real, other)).item() > 0
    assert float(task.loss.generator(torch.randn(8))) == 0


def test_smoothing_is_the_cross_entropy_of_smoothed_labels(place: Path, tmp_path: Path) -> None:
    task = task_of("midinet", place, tmp_path, "--bars=2", "--generator.width=2", "--discriminator.width=2")
    real, fake = torch.randn(50), torch.randn(50)
    wanted = sum(
        torch.nn.functional.binary_cross_entropy_with_logits(logits, torch.full_like(logits, label))
        for logits, label in ((real, 0.9), (fake, 0.0))
    )
    shown = Update(0, real, fake, real_output=real, fake_output=fake)
    found = task.loss.discriminator(real, fake) + task.discriminator_terms()["smoothing"](shown)
    assert float(found) == pytest.approx(float(wanted), abs=1e-5)


def test_a_first_bar_has_none_before_it_and_others_have_theirs(place: Path, tmp_path: Path) -> None:
    task = task_of("midinet-light", place, tmp_path, "--generator.width=2", "--discriminator.width=2")
    first = int(torch.nonzero(task.first)[0])
    sample = task.real(torch.tensor([first, first + 1]), 0)
    before = sample.condition.previous
    assert before is not None
    assert not before[0].any()
    assert torch.equal(before[1], sample.made[0])


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        (["--discriminator.name=bar"], "are of other kinds of music; give both the same name"),
        (["--generator.name=musegan", "--discriminator.name=musegan"], "asks for 2 bars of 16 steps"),
        (["--batch=500"], "batch is 500, but there are"), (["--bars=9"], "0 phrases of 9 bars to learn from"),
        (["--pretraining=5"], "pretraining is of c-rnn-gan"), (["--data.voices=4"], "ABC tunes have one voice"),
        (["--feature-means=1", "--generator.name=grid"], None), (["--data.meter=3/4"], "in another meter than 3/4"),
        (["--data.held-out=24"], "leave some to learn from"),
    ],
)  # fmt: skip
def test_recipes_that_cannot_be_are_told(settings: list[str], told: str | None, place: Path) -> None:
    overrides = [*TINY, f"--data.paths=[{place / 'tunes'}]", *settings]
    if told is None:
        MusicTask(load_recipe("generate/melody", overrides))
        return
    with pytest.raises(UserError) as caught:
        MusicTask(load_recipe("generate/melody", overrides))
    assert told in str(caught.value)


# --- a run at work ---------------------------------------------------------------------------------------------------


def test_a_run_writes_midi_rolls_and_sound(place: Path, tmp_path: Path) -> None:
    maker = limner.load(place / "run")
    assert "MusicMaker(2 bars of 1 voices" in repr(maker)
    assert maker._repr_html_().startswith("<")
    steps = maker.generate(3, seed=2)
    assert steps.shape == (3, 1, 32)
    assert torch.equal(maker.generate(2, seed=2), steps[:2])
    written = generate_media(place / "run", GenerateOptions(n=3, seed=2), out=tmp_path / "made")
    assert [path.name for path in written.pictures] == [f"2-{number:06d}.mid" for number in range(3)]
    with np.load(tmp_path / "made/notes.npz") as file:
        assert (file["steps"] == steps.numpy()).all()
    for number in range(3):
        if (steps[number] < 128).any():
            again = read_midi(tmp_path / f"made/2-{number:06d}.mid", 1, 16).steps
            wanted = notes_of(steps[number, 0].numpy())
            assert notes_of(again[0]).pitch.tolist() == wanted.pitch.tolist()
            assert notes_of(again[0]).duration.tolist() == wanted.duration.tolist()
        with wave.open(str(tmp_path / f"made/2-{number:06d}.wav")) as sound:
            assert (sound.getframerate(), sound.getnchannels(), sound.getsampwidth()) == (RATE, 1, 2)
        with Image.open(tmp_path / f"made/2-{number:06d}.png") as picture:
            assert picture.width == 32 * STEP_PX
    assert (tmp_path / "made/grid.png").exists()
    assert generate_media(place / "run", GenerateOptions(n=3, seed=2), out=tmp_path / "made").new == 0
    with pytest.raises(UserError, match="overwrite"):
        generate_media(place / "run", GenerateOptions(n=4, seed=2), out=tmp_path / "made")


def test_evaluating_again_gives_the_scores_of_the_training(place: Path) -> None:
    found = evaluate_run(open_run(place / "run"), EvaluateOptions())
    assert limner.evaluate(place / "run").to_json()["rows"] == found.to_json()["rows"]
    assert found.bar == MARKOV_1
    other = evaluate_run(open_run(place / "run"), EvaluateOptions(), data=[place / "tunes"])
    assert "of other music" in other.protocol


@pytest.mark.parametrize(
    ("words", "told"),
    [(["--text", "a jig"], "learned without sentences"), (["--classes", "jig"], "makes music and has no such thing"),
     (["--like", "x.png"], "--like: "), (["-n", "0"], "-n is 0")],
)  # fmt: skip
def test_what_a_run_cannot_make_is_told_in_a_line(
    words: list[str], told: str, place: Path, limner: CommandLine, here: Path
) -> None:
    code, out, error = limner("generate", str(place / "run"), *words)
    assert (code, out, error.count("\n")) == (2, "", 1), error
    assert told in error
    assert not list(here.iterdir())


# --- rolls and sound -------------------------------------------------------------------------------------------------


def test_a_roll_shows_each_note_in_its_row_and_time() -> None:
    phrase = np.array([[[60, HOLD, REST, REST, 64, HOLD, HOLD, HOLD]]])
    picture = roll_picture(phrase, 4)
    assert picture.shape == (9 * PITCH_PX, 8 * STEP_PX, 3)
    rows, columns = np.nonzero((picture == VOICES[0]).all(-1))
    low = rows >= 6 * PITCH_PX
    assert (columns[low].min(), columns[low].max()) == (1, 2 * STEP_PX - 1)
    assert (rows[~low].min(), columns[~low].min()) == (2 * PITCH_PX, 4 * STEP_PX + 1)


def test_a_tone_has_its_pitch_in_the_spectrum_and_a_rest_is_silent() -> None:
    sound = tones(np.array([[69, *[HOLD] * 15, *[REST] * 16]]))
    second = sound[: len(sound) // 2]
    peak = np.argmax(abs(np.fft.rfft(second))) * RATE / len(second)
    assert abs(peak - 440) < 2
    assert abs(sound[-RATE // 2 :]).max() == 0
    assert abs(sound).max() <= 0.8 + 1e-6
    assert not tones(np.full((2, 16), REST)).any()
