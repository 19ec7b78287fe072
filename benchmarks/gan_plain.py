"""DCGAN trained the way tutorials do it: what `benchmarks/gan_speed.py` and `gan_quality.py` hold limner's training
against.

Pictures are decoded from files by the workers of a data loader, or come from memory as float32; float32 arithmetic,
contiguous memory, one binary cross-entropy for real and one for generated pictures, Adam, and the losses read after
every step.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

LATENT, WIDTH = 100, 64


class Pictures(Dataset[Tensor]):
    """The pictures of a folder, decoded when asked for: (3, size, size) float32 in [-1, 1]."""

    def __init__(self, folder: Path, size_px: int) -> None:
        self.paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in (".png", ".jpg", ".jpeg"))
        self.prepare = transforms.Compose(
            [
                transforms.Resize(size_px),
                transforms.CenterCrop(size_px),
                transforms.ToTensor(),
                transforms.Normalize((0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),
            ]
        )

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> Tensor:
        picture: Tensor = self.prepare(Image.open(self.paths[index]).convert("RGB"))
        return picture


def make_generator() -> nn.Sequential:
    """Radford et al. 2016: five transposed convolutions from 1 x 1 to 64 x 64."""
    widths = (8 * WIDTH, 4 * WIDTH, 2 * WIDTH, WIDTH)
    layers: list[nn.Module] = [nn.ConvTranspose2d(LATENT, widths[0], 4, 1, 0, bias=False)]
    for before, after in zip(widths, (*widths[1:], None), strict=True):
        layers += [nn.BatchNorm2d(before), nn.ReLU(True), nn.ConvTranspose2d(before, after or 3, 4, 2, 1, bias=False)]
    return nn.Sequential(*layers, nn.Tanh())


def make_discriminator() -> nn.Sequential:
    """Radford et al. 2016: five convolutions from 64 x 64 to one probability."""
    layers: list[nn.Module] = [nn.Conv2d(3, WIDTH, 4, 2, 1, bias=False), nn.LeakyReLU(0.2, True)]
    for before in (WIDTH, 2 * WIDTH, 4 * WIDTH):
        layers += [
            nn.Conv2d(before, 2 * before, 4, 2, 1, bias=False), nn.BatchNorm2d(2 * before), nn.LeakyReLU(0.2, True),
        ]  # fmt: skip
    return nn.Sequential(*layers, nn.Conv2d(8 * WIDTH, 1, 4, 1, 0, bias=False), nn.Sigmoid(), nn.Flatten(0))


def batches(folder: Path, batch: int, size_px: int, workers: int, in_memory: bool) -> Iterator[Tensor]:
    """Shuffled batches without end."""
    pictures: Any = Pictures(folder, size_px)
    if in_memory:
        pictures, workers = torch.stack([pictures[index] for index in range(len(pictures))]), 0
    loader = DataLoader(
        pictures, batch, shuffle=True, num_workers=workers, drop_last=True, persistent_workers=workers > 0
    )
    while True:
        yield from loader


def train(source: Iterator[Tensor], autocast: AbstractContextManager[Any] | None = None) -> Iterator[nn.Sequential]:
    """Steps without end, each of which gives the generator. autocast: around both networks, not around the loss."""
    autocast = autocast or nullcontext()
    torch.manual_seed(0)
    generator, discriminator = make_generator(), make_discriminator()
    adams = [torch.optim.Adam(net.parameters(), 2e-4, (0.5, 0.999)) for net in (discriminator, generator)]
    criterion = nn.BCELoss()
    for real in source:
        ones, zeros = torch.ones(len(real)), torch.zeros(len(real))
        discriminator.zero_grad()
        with autocast:
            verdict = discriminator(real)
        real_loss = criterion(verdict.float(), ones)
        real_loss.backward()
        with autocast:
            fake = generator(torch.randn(len(real), LATENT, 1, 1))
            verdict = discriminator(fake.detach())
        fake_loss = criterion(verdict.float(), zeros)
        fake_loss.backward()
        adams[0].step()
        generator.zero_grad()
        with autocast:
            verdict = discriminator(fake)
        generator_loss = criterion(verdict.float(), ones)
        generator_loss.backward()
        adams[1].step()
        real_loss.item(), fake_loss.item(), generator_loss.item()
        yield generator
