"""Latents that move and encoders that learn: on toys whose answer is known, and in runs from training to pictures."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from drawn_pictures import save_boxes
from limner import load
from limner.adversarial.losses import LOSSES, LeastSquares, NonSaturating
from limner.adversarial.update import Update, update_discriminator, update_generator
from limner.adversarial.updater import Updater
from limner.fidelity.features import FeatureExtractor
from limner.foundation.draws import Draws
from limner.foundation.errors import UserError
from limner.generate.networks import DISCRIMINATORS
from limner.generate.networks.encoders import ENCODERS
from limner.generate.networks.pairs import PairDiscriminator
from limner.generate.training.picture_pool import Sample
from limner.generate.training.regularizers import encoder_term
from limner.learning.loop.fabric import make_fabric
from limner.learning.loop.settings import LoopSettings
from limner.learning.runs.run import Run
from limner.learning.train import train
from quick_features import mean_colors

RECIPE = """
task: generate
data: {size_px: 32, held_out: 12}
prior: uniform
generator: {name: dcgan, width: 4, latent: 8}
discriminator: {name: dcgan, width: 4}
encoder: {name: dcgan, width: 4}
latent_optimization: {step: natural, damping: 0.1, penalty: 0.1, share: 0.8, sampling_steps: 1}
spectral_norm: discriminator
loss: hinge
generator_optimizer: {name: adam, learning_rate: 1e-3, beta1: 0.5}
discriminator_optimizer: {name: adam, learning_rate: 1e-3, beta1: 0.5}
batch: 10
kimg: 0.08
scores: {every_kimg: 0.04, samples: 16}
loop: {precision: fp32, log_every: 1}
"""


def test_on_a_linear_toy_the_encoder_becomes_the_inverse_of_the_generator() -> None:
    """x = A z with z normal: the generator is fixed to A, so that the encoder's answer, its inverse, is known.

    The discriminator sees squares and products of (x, z), which tell any other encoder's pairs from the generator's.
    """
    mixing = torch.tensor([[1.5, 0.5], [-0.4, 0.8]])
    draws = Draws(0, torch.device("cpu"))
    with torch.random.fork_rng():
        torch.manual_seed(0)
        encoder, judge = nn.Linear(2, 2), nn.Linear(14, 1)
    fabric = make_fabric(LoopSettings(precision="fp32"))
    movers = {
        "encoder": Updater(fabric, torch.optim.Adam(encoder.parameters(), 0.01, betas=(0.5, 0.99))),
        "judge": Updater(fabric, torch.optim.Adam(judge.parameters(), 0.02, betas=(0.5, 0.99), weight_decay=0.05)),
    }
    loss = NonSaturating()

    def discriminate(sample: Sample) -> Tensor:
        assert sample.latent is not None
        pair = torch.cat([sample.image, sample.latent], dim=1)
        squares = torch.einsum("bi,bj->bij", pair, pair)[:, *torch.triu_indices(4, 4)]
        return judge(torch.cat([pair, squares], dim=1)).flatten()

    def real(number: int) -> Tensor:
        return torch.randn(64, 2, generator=draws.of("real", number)) @ mixing.T

    begun = (encoder.weight @ mixing - torch.eye(2)).norm().item()
    averaged = torch.zeros(2, 2)
    for number in range(500):
        latent = torch.randn(64, 2, generator=draws.of("latent", number))
        fake = Sample(latent @ mixing.T, None, latent)
        picture = real(number)
        shown = Sample(picture, None, encoder(picture))
        update_discriminator(discriminate, movers["judge"], loss, Update(number, shown.detach(), fake))
        terms = encoder_term(loss, discriminate)
        update_generator(discriminate, movers["encoder"], loss, Update(number, shown, fake), terms)
        if number >= 350:
            averaged += encoder.weight.detach() / 150
    assert begun > 1
    assert (averaged @ mixing - torch.eye(2)).norm() < 0.25


def test_an_encoders_loss_is_the_generators_with_both_sides_exchanged() -> None:
    logits = torch.tensor([-2.0, 0.5, 3.0])
    for name, kind in LOSSES.items():
        if name != "least-squares":
            assert torch.equal(kind().encoder(logits), kind().generator(-logits))
    assert LeastSquares().encoder(logits).item() == pytest.approx((4 + 0.25 + 9) / 6)


@pytest.mark.parametrize("name", [name for name in ENCODERS if name != "none"])
@pytest.mark.parametrize("bounded", [False, True])
def test_an_encoder_gives_a_latent_a_picture_and_every_weight_learns(name: str, bounded: bool) -> None:
    torch.manual_seed(0)
    encoder = ENCODERS[name](32, 3, 7, bounded, width=4)
    assert encoder is not None
    latent = encoder(torch.rand(3, 3, 32, 32, generator=torch.Generator().manual_seed(0)) * 2 - 1)
    assert latent.shape == (3, 7)
    assert not bounded or latent.abs().max() < 1
    latent.square().sum().backward()
    assert all(one.grad is not None and one.grad.any() for one in encoder.parameters())
    with pytest.raises(UserError, match=r"the encoder got a tensor of shape \(2, 1, 32, 32\); it needs \(B, 3, 32, 32"):
        encoder(torch.zeros(2, 1, 32, 32))


@pytest.mark.parametrize("name", [name for name in DISCRIMINATORS if name != "projected"])
def test_a_discriminator_of_pairs_looks_at_picture_and_latent(name: str) -> None:
    torch.manual_seed(0)
    pairs = PairDiscriminator(DISCRIMINATORS[name](32, 3, 0, width=4), 5)
    generator = torch.Generator().manual_seed(0)
    image, latent = torch.rand(4, 3, 32, 32, generator=generator) * 2 - 1, torch.randn(4, 5, generator=generator)
    logits = pairs(image, None, latent)
    assert logits.shape == (4,)
    logits.square().sum().backward()
    assert all(one.grad is not None and one.grad.any() for one in pairs.parameters())
    pairs.eval()
    assert not torch.allclose(pairs(image, None, latent), pairs(image, None, -latent), atol=1e-5)
    assert not torch.allclose(pairs(image, None, latent), pairs(-image, None, latent), atol=1e-5)


def test_a_discriminator_without_open_features_is_no_half_of_a_pair() -> None:
    with pytest.raises(UserError, match="encoder is on, but this discriminator shows no features"):
        PairDiscriminator(DISCRIMINATORS["projected"](32, 3, 0, width=4), 5)


# --- from training to pictures ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("generate-latents")
    save_boxes(folder / "boxes", 40)
    (folder / "quick.yaml").write_text(RECIPE)
    return folder


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(FeatureExtractor, "of", staticmethod(mean_colors))
    yield


@pytest.fixture(scope="module")
def run(place: Path) -> Run:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(FeatureExtractor, "of", staticmethod(mean_colors))
        return train(place / "quick.yaml", data=[place / "boxes"], out=place / "run").run


def test_what_a_bidirectional_run_leaves_encodes_and_reconstructs(run: Run) -> None:
    report = (run.folder / "report.html").read_text()
    assert "Reconstructions differ from the pictures by" in report
    assert (run.folder / "pictures/reconstructions.png").is_file()
    generator = load(run.folder)
    picture = generator.generate(2)
    latent = generator.encode(picture)
    assert latent.shape == (2, 8)
    assert latent.abs().max() <= 1
    assert generator.decode(latent, as_they_are=True).shape == picture.shape
    logged = (run.folder / "metrics.csv").read_text().splitlines()[0]
    for name in ("train/encoder_loss", "train/generator_latent_penalty", "train/discriminator_latent_penalty"):
        assert name in logged


def test_steps_before_pictures_move_the_latents_up_the_logit(run: Run) -> None:
    from limner.generate.making.latents import score_of_latents
    from limner.generate.making.predictor import load_generator

    asked = load_generator(run, "cpu")
    assert asked.latent_optimization.sampling_steps == 1
    more, none = load_generator(run, "cpu", latent_steps=6), load_generator(run, "cpu", latent_steps=0)
    latents = asked.latents(range(12))
    assert torch.equal(none.decode(latents), none.decode(latents, as_they_are=True))
    assert not torch.allclose(asked.decode(latents), none.decode(latents), atol=1e-4)
    assert more.discriminator is not None
    from limner.generate.making.latents import moved_latents

    moved = moved_latents(more.network, more.discriminator, latents, None, more.latent_optimization, 6)
    score = score_of_latents(more.network, more.discriminator, None)
    with torch.no_grad():
        assert (score(moved) > score(latents)).float().mean() > 0.8
    alone = moved_latents(more.network, more.discriminator, latents[:1], None, more.latent_optimization, 6)
    assert torch.allclose(alone, moved[:1], atol=1e-5)


@pytest.mark.parametrize(
    ("settings", "line"),
    [
        (("--prior", "normal"), "latent_optimization.projection is clip, but the prior is normal"),
        (("--penalties.gradient", "10"), "encoder is dcgan, and penalties.gradient knows no way between two pairs"),
        (("--latent-optimization.damping", "0"), "latent_optimization.damping is 0; needed: above 0"),
        (("--discriminator.name", "projected"), "encoder is on, but this discriminator shows no features"),
    ],
)
def test_settings_that_do_not_go_together_are_refused_before_anything_is_written(
    place: Path, tmp_path: Path, settings: tuple[str, ...], line: str
) -> None:
    with pytest.raises(UserError, match=line):
        train(place / "quick.yaml", data=[place / "boxes"], overrides=settings, out=tmp_path / "run")
    assert not (tmp_path / "run").exists()
