"""Random draws that need no memory: each is a function of (seed, purpose, place), wherever a training goes on from."""

import zlib
from dataclasses import dataclass

import numpy as np
import torch


@dataclass(frozen=True)
class Draws:
    """Makes a generator of its own for every purpose at every place of a training.

    Two recipes that differ in one switch still draw the same latents and the same pictures, since switching an
    augmentation on takes no number from the stream of another purpose.

    seed: of the training; 0 is a seed. device: where the numbers are needed. process: of several that learn together,
    each draws for its own part of the batch; the first draws what it would alone.
    """

    seed: int
    device: torch.device
    process: int = 0

    def of(self, purpose: str, *place: int) -> torch.Generator:
        """The generator for ``purpose`` ("latent", "augment") at ``place`` (the step's number, and so on)."""
        # The count keeps (3) and (3, 0) apart: numpy fills seeds up with zeros.
        words = [self.seed, zlib.crc32(purpose.encode()), len(place), *place]
        if self.process:
            words.append(self.process)
        word = np.random.SeedSequence(words).generate_state(1, np.uint64)[0]
        return torch.Generator(self.device).manual_seed(int(word) >> 1)
