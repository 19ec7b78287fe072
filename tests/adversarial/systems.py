"""Small systems of several networks, each with a ``step`` that reads like its paper."""

import copy
from collections.abc import Iterator, Mapping
from itertools import chain
from typing import Any, ClassVar, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, l1_loss

from limner.adversarial.losses import LeastSquares, NonSaturating, Wasserstein
from limner.adversarial.pool import FakePool
from limner.adversarial.regularizers.gradient_penalties import gradient_penalty, r1_penalty
from limner.adversarial.regularizers.lazy import lazy_factor
from limner.adversarial.regularizers.path_length import path_length_penalty, path_lengths
from limner.adversarial.update import Update, update_discriminator, update_generator
from limner.adversarial.updater import Updater, set_up_network
from limner.datasets.order import ShuffledOrder
from limner.foundation.draws import Draws
from limner.learning.loop.average import update_average
from limner.learning.loop.task import Stage, StageContext, Task
from limner.learning.runs.run import Run

CPU = torch.device("cpu")
STEPS = 6


class System(Task):
    """What all have: networks drawn from one seed, an updater for each group that moves together."""

    name = "system"
    recipe_type = dict
    fingerprint = "drawn"
    rate = 0.05
    moving: ClassVar[dict[str, tuple[str, ...]]]
    """Updaters by name, and the networks that each moves."""

    def __init__(self, batch: int = 4) -> None:
        self.size = batch
        self.draws = Draws(0, CPU)
        self.optimizers, self.state = {}, {}
        with torch.random.fork_rng():
            torch.manual_seed(0)
            self.networks = self.make_networks()

    def make_networks(self) -> dict[str, nn.Module]:
        raise NotImplementedError

    def stages(self) -> tuple[Stage, ...]:
        return (Stage("train", 2, STEPS // 2),)

    def begin(self, stage: Stage, context: StageContext) -> None:
        self.fabric = fabric = context.fabric
        self.call = {
            name: set_up_network(fabric, network)
            for name, network in self.networks.items()
            if any(name in group for group in self.moving.values())
        }
        self.optimizers = {
            name: self.optimizer(chain.from_iterable(self.networks[each].parameters() for each in group))
            for name, group in self.moving.items()
        }
        self.updaters = {name: Updater(fabric, optimizer) for name, optimizer in self.optimizers.items()}
        self.state = {}

    def optimizer(self, parameters: Iterator[nn.Parameter]) -> torch.optim.Optimizer:
        return torch.optim.Adam(parameters, self.rate, betas=(0.5, 0.99))

    def latent(self, count: int, purpose: str, number: int, size: int = 3) -> Tensor:
        return torch.randn(count, size, generator=self.draws.of(purpose, number))

    @classmethod
    def with_data(cls, recipe: Any, paths: Any, reading: Any) -> Any:
        return recipe

    def evaluate(self) -> Mapping[str, float]:
        return {}

    def facts(self) -> dict[str, Any]:
        return {"task": self.name}

    @classmethod
    def predictor(cls, run: Run, device: str = "auto") -> Any:
        return None

    def summary(self) -> str:
        return "a system"

    def finish(self, run: Run) -> None:
        pass


def picture(*seed: int) -> Tensor:
    """(1, 4, 4): a ramp whose steepness and foot are drawn."""
    low, steep = torch.rand(2, generator=Draws(0, CPU).of("picture", *seed))
    return (low - 0.5 + steep * torch.linspace(0, 1, 16)).view(1, 4, 4)


def convolutions(inputs: int, outputs: int) -> nn.Module:
    return nn.Sequential(nn.Conv2d(inputs, 6, 3, padding=1), nn.LeakyReLU(0.2), nn.Conv2d(6, outputs, 3, padding=1))


class Pair(NamedTuple):
    """A picture of each domain: what stands in one line of CycleGAN's equations."""

    a: Tensor
    b: Tensor


class CycleGAN(System):
    """Zhu et al., ICCV 2017: two generators, two patch discriminators, unaligned pictures, a pool of earlier fakes."""

    moving: ClassVar = {"generators": ("a_to_b", "b_to_a"), "discriminators": ("judge_a", "judge_b")}
    pool = FakePool(5)
    loss = LeastSquares()

    def make_networks(self) -> dict[str, nn.Module]:
        self.orders = ShuffledOrder(17, self.size, 0), ShuffledOrder(19, self.size, 1)
        return {name: convolutions(1, 1) for name in ("a_to_b", "b_to_a", "judge_a", "judge_b")}

    def batch(self, stage: Stage, number: int) -> Pair:
        a, b = (order.indices(number).tolist() for order in self.orders)
        return Pair(torch.stack([picture(1, each) for each in a]), torch.stack([-picture(2, each) for each in b]))

    def step(self, batches: Iterator[Pair], index: int) -> dict[str, Tensor]:
        real = next(batches)
        fake = Pair(a=self.call["b_to_a"](real.b), b=self.call["a_to_b"](real.a))
        values = update_generator(
            self.discriminate, self.updaters["generators"], self.loss, Update(index, real, fake),
            {"cycle": self.cycle, "identity": self.identity},
        )  # fmt: skip
        pooled, self.state["pool"] = self.pool.exchange(self.state.get("pool"), fake, self.draws.of("pool", index))
        return values | update_discriminator(
            self.discriminate, self.updaters["discriminators"], self.loss, Update(index, real, pooled)
        )

    def discriminate(self, pair: Pair) -> tuple[Tensor, Tensor]:
        return self.call["judge_a"](pair.a), self.call["judge_b"](pair.b)

    def cycle(self, update: Update[Pair]) -> Tensor:
        """10 (|F(G(a)) - a| + |G(F(b)) - b|), eq. 2."""
        a, b = self.call["b_to_a"](update.fake.b), self.call["a_to_b"](update.fake.a)
        return 10 * (l1_loss(a, update.real.a) + l1_loss(b, update.real.b))

    def identity(self, update: Update[Pair]) -> Tensor:
        """5 (|F(a) - a| + |G(b) - b|), sec. 5.2."""
        a, b = self.call["b_to_a"](update.real.a), self.call["a_to_b"](update.real.b)
        return 5 * (l1_loss(a, update.real.a) + l1_loss(b, update.real.b))


class Coded(NamedTuple):
    """A picture (here two numbers) beside its latent."""

    picture: Tensor
    latent: Tensor


class Bidirectional(System):
    """Donahue et al., ICLR 2017: encoder and generator, moved together, and a discriminator of (picture, latent)."""

    moving: ClassVar = {"coders": ("encoder", "generator"), "discriminator": ("discriminator",)}
    loss = NonSaturating()

    def make_networks(self) -> dict[str, nn.Module]:
        return {
            "encoder": nn.Linear(2, 2),
            "generator": nn.Linear(2, 2),
            "discriminator": nn.Sequential(nn.Linear(4, 16), nn.LeakyReLU(0.2), nn.Linear(16, 1), nn.Flatten(0)),
        }

    def batch(self, stage: Stage, number: int) -> Tensor:
        return self.latent(self.size, "real", number, 2) @ torch.tensor([[2.0, 0.0], [1.0, 0.5]]) + 1

    def step(self, batches: Iterator[Tensor], index: int) -> dict[str, Tensor]:
        picture, latent = next(batches), self.latent(self.size, "latent", index, 2)
        real = Coded(picture, self.call["encoder"](picture))
        fake = Coded(self.call["generator"](latent), latent)
        shown = Update(index, Coded(*(each.detach() for each in real)), Coded(*(each.detach() for each in fake)))
        values = update_discriminator(self.discriminate, self.updaters["discriminator"], self.loss, shown)
        # Both are fooled: the generator's pairs pass as real, and the encoder's, which are real, pass as made.
        unreal = {"encoder_loss": lambda _: self.loss.generator(-self.discriminate(real))}
        return values | update_generator(
            self.discriminate, self.updaters["coders"], self.loss, Update(index, real, fake, latent), unreal
        )

    def discriminate(self, pair: Coded) -> Tensor:
        return self.call["discriminator"](torch.cat(pair, dim=1))


class Opinion(NamedTuple):
    """Whether a picture is real, by patches, and of which class."""

    logits: Tensor
    classes: Tensor


class Labeled(NamedTuple):
    """Pictures with what they show and what they shall show, (B,) int64 each."""

    image: Tensor
    label: Tensor
    target: Tensor


class TwoHeads(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.trunk = convolutions(1, 6)
        self.source, self.classes = nn.Conv2d(6, 1, 1), nn.Linear(6, 3)

    def forward(self, image: Tensor) -> Opinion:
        features = self.trunk(image)
        return Opinion(self.source(features).mean((1, 2, 3)), self.classes(features.mean((2, 3))))


class StarGAN(System):
    """Choi et al., CVPR 2018: one generator for all domains; the discriminator tells classes too; n critic updates."""

    moving: ClassVar = {"generator": ("generator",), "discriminator": ("discriminator",)}
    loss = Wasserstein()
    critic_steps = 2

    def make_networks(self) -> dict[str, nn.Module]:
        return {"generator": convolutions(4, 1), "discriminator": TwoHeads()}

    def batch(self, stage: Stage, number: int) -> Labeled:
        label, target = torch.randint(3, (2, self.size), generator=self.draws.of("labels", number))
        image = torch.stack([picture(number, place) for place in range(self.size)]) + label[:, None, None, None]
        return Labeled(image, label, target)

    def step(self, batches: Iterator[Labeled], index: int) -> dict[str, Tensor]:
        for number in range(self.critic_steps * index, self.critic_steps * (index + 1)):
            batch = next(batches)
            with torch.no_grad():
                fake = self.translate(batch.image, batch.target)
            values = update_discriminator(
                self.call["discriminator"], self.updaters["discriminator"], self.loss,
                Update(number, batch.image, fake, batch=batch),
                {"real_class": self.real_class, "gradient_penalty": self.gradient},
            )  # fmt: skip
        fake = self.translate(batch.image, batch.target)
        return values | update_generator(
            self.call["discriminator"], self.updaters["generator"], self.loss,
            Update(index, batch.image, fake, batch=batch),
            {"fake_class": self.fake_class, "reconstruction": self.reconstruction},
        )  # fmt: skip

    def translate(self, image: Tensor, label: Tensor) -> Tensor:
        maps = nn.functional.one_hot(label, 3).float()[:, :, None, None].expand(-1, -1, *image.shape[2:])
        return self.call["generator"](torch.cat([image, maps], dim=1))

    def real_class(self, update: Update[Tensor]) -> Tensor:
        """Eq. 2."""
        return cross_entropy(update.real_output.classes, update.batch.label)

    def fake_class(self, update: Update[Tensor]) -> Tensor:
        """Eq. 3."""
        return cross_entropy(update.fake_output.classes, update.batch.target)

    def reconstruction(self, update: Update[Tensor]) -> Tensor:
        """Eq. 4, weight 10."""
        return 10 * l1_loss(self.translate(update.fake, update.batch.label), update.batch.image)

    def gradient(self, update: Update[Tensor]) -> Tensor:
        """Weight 10; differentiates the network itself."""
        at = self.draws.of("gradient", update.number)
        return 10 * gradient_penalty(
            lambda image: self.networks["discriminator"](image).logits, update.real, update.fake, at
        )


class Synthesis(nn.Module):
    """Two layers, each with a style and a noise of its own, on a learned constant."""

    def __init__(self) -> None:
        super().__init__()
        self.constant = nn.Parameter(torch.randn(1, 4, 4, 4))
        self.layers = nn.ModuleList([nn.Conv2d(4, 4, 3, padding=1), nn.Conv2d(4, 4, 3, padding=1)])
        self.styles = nn.ModuleList([nn.Linear(3, 4), nn.Linear(3, 4)])
        self.noise = nn.Parameter(torch.full((2,), 0.1))
        self.picture = nn.Conv2d(4, 1, 1)

    def forward(self, style: Tensor, generator: torch.Generator) -> Tensor:
        """style: (B, 2, 3), one for each layer. generator: draws the noise."""
        x = self.constant.expand(len(style), -1, -1, -1)
        for number, (layer, affine) in enumerate(zip(self.layers, self.styles, strict=True)):
            noise = torch.randn(len(style), 1, 4, 4, generator=generator)
            x = layer(x * (1 + affine(style[:, number]))[:, :, None, None]) + self.noise[number] * noise
            x = nn.functional.leaky_relu(x, 0.2)
        return self.picture(x)


class StyleGAN2(System):
    """Karras et al., CVPR 2020: a mapping, style mixing, noise, lazy R1 and lazy path length, an average.

    Each network's regularizer is a phase of its own, as in the authors' code.
    """

    moving: ClassVar = {"generator": ("mapping", "synthesis"), "discriminator": ("discriminator",)}
    loss = NonSaturating()
    rate = 0.01
    r1_interval, path_interval = 3, 2

    def make_networks(self) -> dict[str, nn.Module]:
        mapping, synthesis = nn.Sequential(nn.Linear(3, 3), nn.LeakyReLU(0.2)), Synthesis()
        average = copy.deepcopy(nn.ModuleDict({"mapping": mapping, "synthesis": synthesis})).requires_grad_(False)
        judge = nn.Sequential(convolutions(1, 1), nn.Flatten(), nn.Linear(16, 1), nn.Flatten(0))
        return {"mapping": mapping, "synthesis": synthesis, "discriminator": judge, "average": average}

    def begin(self, stage: Stage, context: StageContext) -> None:
        super().begin(stage, context)
        self.state["mean_path_length"] = torch.zeros(())

    def batch(self, stage: Stage, number: int) -> Tensor:
        return torch.stack([picture(number, place) for place in range(self.size)])

    def step(self, batches: Iterator[Tensor], index: int) -> dict[str, Tensor]:
        real = next(batches)
        with torch.no_grad():
            fake = self.generate("fake", index)
        values = update_discriminator(
            self.call["discriminator"], self.updaters["discriminator"], self.loss, Update(index, real, fake)
        )
        if factor := lazy_factor(index, self.r1_interval):
            self.updaters["discriminator"].step(factor * r1_penalty(self.networks["discriminator"], real))

        fake = self.generate("generator", index)
        values |= update_generator(
            self.call["discriminator"], self.updaters["generator"], self.loss, Update(index, real, fake)
        )
        if factor := lazy_factor(index, self.path_interval):
            self.updaters["generator"].step(2 * factor * self.path_length(index))

        made = nn.ModuleDict({name: self.networks[name] for name in ("mapping", "synthesis")})
        update_average(self.networks["average"], made, 0.9)
        return values

    def styles(self, count: int, purpose: str, number: int, mapping: Any) -> Tensor:
        """(count, 2, 3): the second layer's style is, half of the times, another latent's (style mixing)."""
        styles = mapping(self.latent(2 * count, purpose, number)).view(count, 2, 3)
        mixed = torch.rand(count, 1, generator=self.draws.of(f"mixing {purpose}", number)) < 0.5
        return torch.stack([styles[:, 0], torch.where(mixed, styles[:, 1], styles[:, 0])], dim=1)

    def generate(self, purpose: str, number: int) -> Tensor:
        style = self.styles(self.size, purpose, number, self.call["mapping"])
        return self.call["synthesis"](style, self.draws.of(f"noise {purpose}", number))

    def path_length(self, number: int) -> Tensor:
        """Of half as many pictures, eq. 4; differentiates the networks themselves."""
        style = self.styles(self.size // 2, "path", number, self.networks["mapping"])
        image = self.networks["synthesis"](style, self.draws.of("noise path", number))
        lengths = path_lengths(image, style, self.draws.of("direction", number))
        penalty, self.state["mean_path_length"] = path_length_penalty(lengths, self.state["mean_path_length"])
        return penalty


SYSTEMS: dict[str, type[System]] = {
    "cyclegan": CycleGAN, "bidirectional": Bidirectional, "stargan": StarGAN, "stylegan2": StyleGAN2,
}  # fmt: skip
