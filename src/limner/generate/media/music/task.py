"""The task of music: phrases or bars of notes, by MidiNet, MuseGAN, C-RNN-GAN and light networks of their kinds."""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from limner.adversarial.losses import AdversarialLoss
from limner.adversarial.regularizers.gradient_penalties import gradient_penalty
from limner.adversarial.update import Term, Update
from limner.datasets.order import ShuffledOrder
from limner.foundation.errors import UserError
from limner.generate.media.learning import TRAIN, MediaLearning
from limner.generate.media.music.data.notes import PITCHES, Piece
from limner.generate.media.music.data.reading import MusicSet, MusicSettings, read_music
from limner.generate.media.music.measure import bars_of, copied, measure, nearness, phrases_of
from limner.generate.media.music.networks.forms import Form, form_of
from limner.generate.media.music.networks.listing import MUSIC_DISCRIMINATORS, MUSIC_GENERATORS
from limner.generate.media.music.phrases import shape_of, windows_of
from limner.generate.media.music.predictor import MusicMaker, load_music_maker
from limner.generate.media.music.recipe import MusicRecipe
from limner.generate.media.music.roll import roll_picture
from limner.generate.media.sample import Condition, MediaSample
from limner.learning.loop.task import Stage, StageContext
from limner.learning.recipes.recipe import to_plain
from limner.learning.runs.rows_outcome import RowsOutcome, closing_line, finish_rows
from limner.learning.runs.run import Run
from limner.learning.runs.score_rows import ScoreRows

PRETRAIN = "pretrain"
"""The name of the stage in which a recurrent generator learns the next event."""
SHOWN = 8
"""Phrases that `picture` shows, always of the same latents."""
LARGE = 2.0
"""From which both losses on the discriminator learns, whatever their ratio."""


class MusicTask(MediaLearning):
    """A generator and a discriminator of phrases; or of bars, each told the one before."""

    name = "generate-music"
    recipe_type = MusicRecipe
    recipe: MusicRecipe
    data: MusicSet

    def __init__(self, recipe: MusicRecipe) -> None:
        self.recipe, self.seed = recipe, recipe.seed
        self.data = read_music(recipe.data.paths, self._settings, least=4)
        self.split(len(self.data), recipe.data.held_out)
        if not len(self.training):
            raise UserError(
                f"data.held_out is {recipe.data.held_out:g} of {len(self.data)} pieces; leave some to learn from"
            )
        pieces = self.data.pieces
        self.learned: list[Piece] = [pieces[place] for place in self.training.tolist()]
        self.true: list[Piece] = [pieces[place] for place in self.held_out.tolist()] or self.learned
        self.shape = shape_of(self.learned, recipe)
        self.networks = self.build_networks(MUSIC_GENERATORS, MUSIC_DISCRIMINATORS, shape=self.shape)
        makes, tells = self.networks["generator"], self.networks["discriminator"]
        self.by_bars = bool(makes.by_bars)
        if self.by_bars != bool(tells.by_bars) or isinstance(tells, _only_events()) != (makes.form == "events"):
            raise UserError(
                f"generator {recipe.generator.name} and discriminator {recipe.discriminator.name} are of other kinds "
                "of music; give both the same name"
            )
        self.form: Form = form_of(makes.form, makes, self.shape)
        if getattr(makes, "parts", (0, 0))[1] and recipe.prior.name not in ("normal", "truncated"):
            raise UserError(
                f"prior is {recipe.prior.name}; drawing notes needs normal or truncated; or "
                "give --generator.drawn false"
            )
        if recipe.pretraining and makes.form != "events":
            raise UserError(f"pretraining is of c-rnn-gan, and the generator is {recipe.generator.name}; leave it out")
        for name in ("feature_means", "match_features"):
            if getattr(recipe, name) and not hasattr(tells, "features"):
                raise UserError(f"{name} needs a discriminator with features; {recipe.discriminator.name} has none")
        self.windows, self.first = windows_of(self.learned, self.shape, by_bars=self.by_bars)
        if len(self.windows) < recipe.batch:
            what = "bars" if self.by_bars else f"phrases of {recipe.bars} bars"
            raise UserError(
                f"batch is {recipe.batch}, but there are {len(self.windows)} {what} to learn from; give --batch "
                f"{max(2, len(self.windows))} or less, or more music"
            )
        self.training = torch.arange(len(self.windows))
        self.order = ShuffledOrder(len(self.training), recipe.batch, recipe.seed)
        self.state = {"generator_loss": torch.zeros(()), "discriminator_loss": torch.full((), LARGE)}
        self.clip = recipe.clip
        self.updates = (recipe.discriminator_steps, recipe.generator_steps)
        self.score = (f"{self.where}/nearness", 1)

    @property
    def _settings(self) -> MusicSettings:
        data = self.recipe.data
        return MusicSettings(data.voices, data.bar, data.common_key)

    def stages(self) -> tuple[Stage, ...]:
        """Where the recipe says so the next event first; then generator and discriminator."""
        steps = self.recipe.pretraining
        first = (Stage(PRETRAIN, 1, steps, unit="evaluation"),) if steps else ()
        return (*first, *super().stages())

    def begin(self, stage: Stage, context: StageContext) -> None:
        """Bring music and networks to the device."""
        super().begin(stage, context)
        self.state = {name: value.to(self.device) for name, value in self.state.items()}
        if self.recipe.match_features:
            self.loss = _Features(self.loss)

    def step(self, batches: Iterator[Any], index: int) -> dict[str, Tensor]:
        """Of the first stage: an update of the generator towards the next event."""
        if self.stage.name != PRETRAIN:
            return super().step(batches, index)
        self.networks["generator"].train()
        real = self.real(next(batches).to(self.device), index)
        made = self.generator(self.latent(len(real.made), "pretraining", index), real.made)
        loss = (made - real.made).square().mean()
        self.updaters["generator"].step(loss)
        return {"next_event_loss": loss.detach()}

    def real(self, indices: Tensor, number: int) -> MediaSample:
        """Phrases; or bars, with the ones before."""
        steps = self.windows[indices.cpu()]
        if not self.by_bars:
            return MediaSample(self.form.encode(steps).to(self.device))
        bar = self.shape.bar
        before = self.form.encode(steps[..., :bar])
        before[self.first[indices.cpu()]] = 0
        return MediaSample(
            self.form.encode(steps[..., bar:]).to(self.device), Condition(previous=before.to(self.device))
        )

    def discriminate(self, shown: Any) -> Tensor:
        """(B,) float32 logits; the bar before is shown to discriminators that look at it."""
        if isinstance(shown, MediaSample) and not self._sees_previous:
            shown = MediaSample(shown.made)
        return super().discriminate(shown)

    @property
    def _sees_previous(self) -> bool:
        return bool(getattr(self.networks["discriminator"], "sees_previous", False))

    def teach_discriminator(self, real: MediaSample, number: int) -> dict[str, Tensor]:
        """An update of the discriminator, unless it is to rest."""
        limit = self.recipe.rest_below
        if limit:
            g, d = float(self.state["generator_loss"]), float(self.state["discriminator_loss"])
            if (g < LARGE or d < LARGE) and d < limit * g:
                with torch.no_grad():
                    fake = MediaSample(self.generator(self.latent(len(real.made), "fake", number)))
                    logits = self.discriminate(real)
                    loss = self.loss.discriminator(logits, self.discriminate(fake))
                self.state["discriminator_loss"] = loss
                return {"discriminator_loss": loss, "real_sign": logits.sign().mean()}
        values = super().teach_discriminator(real, number)
        self.state["discriminator_loss"] = values["discriminator_loss"]
        return values

    def teach_generator(self, real: MediaSample, number: int) -> dict[str, Tensor]:
        """An update of the generator."""
        values = super().teach_generator(real, number)
        self.state["generator_loss"] = values["generator_loss"]
        return values

    def discriminator_terms(self) -> Mapping[str, Term]:
        """Smoothed labels, and the penalty of WGAN-GP."""
        recipe = self.recipe
        terms: dict[str, Term] = {}
        if recipe.smoothing < 1:  # -s log D - (1 - s) log (1 - D) is -log D + (1 - s) times the logit
            terms["smoothing"] = lambda update: (1 - recipe.smoothing) * update.real_logits.mean()
        if recipe.gradient_penalty:
            terms["gradient_penalty"] = self._penalty
        return terms

    def _penalty(self, update: Update[Any]) -> Tensor:
        tells = self.networks["discriminator"]
        given = update.real.condition.given() if self._sees_previous else ()
        draws = self.draws.of("penalty", update.number)
        penalty = gradient_penalty(lambda made: tells(made, *given), update.real.made, update.fake.made, draws)
        return self.recipe.gradient_penalty * penalty

    def generator_terms(self) -> Mapping[str, Term]:
        """What features and samples shall have in common with real ones."""
        recipe, tells = self.recipe, self.networks["discriminator"]

        def features(sample: MediaSample) -> Tensor:
            found: Tensor = tells.features(sample.made, *(sample.condition.given() if self._sees_previous else ()))  # type: ignore[operator]
            return found.float()

        def half_square(one: Tensor, other: Tensor) -> Tensor:
            return (one.mean(0) - other.mean(0)).square().sum() / 2

        terms: dict[str, Term] = {}
        if recipe.feature_means:
            terms["feature_means"] = lambda update: (
                recipe.feature_means * half_square(features(update.fake), features(update.real).detach())
            )
        if recipe.sample_means:
            terms["sample_means"] = lambda update: recipe.sample_means * half_square(update.fake.made, update.real.made)
        if recipe.match_features:
            terms["features"] = lambda update: (
                (features(update.fake) - features(update.real).detach()).square().flatten(1).sum(1).mean()
            )
        return terms

    def current_predictor(self) -> MusicMaker:
        """What makes music, around the network as it is now."""
        return MusicMaker(self.maker.eval(), self.shape, self.recipe.bars, self.recipe.prior, self.device)

    def measure(self, paths: Sequence[Path] = ()) -> ScoreRows:
        """How near what it makes comes to music that it did not learn from, or to that of other files."""
        made = self.current_predictor().generate(self.recipe.scores.samples).numpy()
        true = list(read_music(paths, self._settings).pieces) if paths else self.true
        if not len(phrases_of(true, made.shape[2])):
            raise UserError(
                f"no held-out piece has {self.recipe.bars} bars; give --bars with fewer, or more and longer music"
            )
        return measure(made, self.learned, true, self.shape.bar, seed=self.seed, own=not paths)

    def evaluate(self) -> Mapping[str, float]:
        """How near the histograms are, and the share of bars that are copied; `measure` has the rest."""
        made = self.current_predictor().generate(self.recipe.scores.samples).numpy()
        bar = self.shape.bar
        found = {
            "nearness": nearness(made, self.true, bar), "copied": copied(made, bar, bars_of(self.learned, bar)),
            "notes": float((made < PITCHES).mean()),
        }  # fmt: skip
        return self.placed(found)

    def told(self, scores: Mapping[str, float]) -> str:
        """In words."""
        near, copies, notes = (scores[f"{self.where}/{name}"] for name in ("nearness", "copied", "notes"))
        return (
            f"{self.where} 1 - mean distance {near:.3f}, bars copied {100 * copies:.1f} %, a note begins in "
            f"{100 * notes:.1f} % of steps"
        )

    def picture(self) -> np.ndarray:
        """What it makes of the same latents as ever."""
        return roll_picture(self.current_predictor().generate(SHOWN).numpy(), self.shape.bar)

    def summary(self) -> str:
        """Music, steps and parameters in one line."""
        steps = next(stage.total_steps for stage in self.stages() if stage.name == TRAIN)
        what = "bars" if self.by_bars else f"phrases of {self.recipe.bars} bars"
        return (
            f"{self.data.summary()}; {len(self.held_out)} pieces held out, {steps} steps of {self.recipe.batch} of "
            f"{len(self.windows):,} {what}, {self.recipe.generator.name} against {self.recipe.discriminator.name} of "
            f"{self.sizes} parameters"
        )

    def facts(self) -> dict[str, Any]:
        """What making music needs to know."""
        return {
            "task": self.name, "generator": to_plain(self.recipe.generator), "prior": to_plain(self.recipe.prior),
            "phrase": self.recipe.bars, **dataclasses.asdict(self.shape),
        }  # fmt: skip

    def finish(self, run: Run) -> None:
        """Scores, pictures, card and report."""
        real = phrases_of(self.true, self.recipe.bars * self.shape.bar)[:SHOWN]
        finish_rows(
            RowsOutcome(
                recipe=self.recipe,
                what=f"Makes phrases of {self.recipe.bars} bars for {self.shape.voices} voices.",
                data=f"{self.data.summary()}; {len(self.held_out)} pieces were held out",
                paths=self.recipe.data.paths,
                scores=self.measure(),
                pictures={
                    "made.png": (self.picture(), "made, not chosen; pitch upwards, time to the right"),
                    "real.png": (roll_picture(real, self.shape.bar), "held-out music"),
                },
                not_for="Music that is passed off as a composer's; tunes that it learned from may come through.",
                commands=("generate RUN -n 8", "evaluate RUN"),
            ),
            run,
        )

    @classmethod
    def predictor(cls, run: Run, device: str = "auto") -> MusicMaker:
        """What makes a run's music."""
        return dataclasses.replace(load_music_maker(run, device), score=closing_line(run))


class _Features(AdversarialLoss):
    """The discriminator's part of a loss; of the generator's nothing, for its features stand in that place."""

    def __init__(self, loss: AdversarialLoss) -> None:
        self._loss = loss

    def discriminator(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        """See `AdversarialLoss`."""
        return self._loss.discriminator(real_logits, fake_logits)

    def generator(self, fake_logits: Tensor) -> Tensor:
        """0-d."""
        return 0 * fake_logits.float().sum()


def _only_events() -> type:
    from limner.generate.media.music.networks.c_rnn_gan import RecurrentDiscriminator

    return RecurrentDiscriminator
