"""Codes of the sentences that pictures have: made once, then drawn from."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class SentenceCodes:
    """Codes of all pictures' sentences, those of a picture in succession.

    codes: (sentences, code) float32. first, count: (pictures,) int64, where a picture's codes begin, and how many it
    has. All on one device.
    """

    codes: Tensor
    first: Tensor
    count: Tensor

    @staticmethod
    def of(
        captions: Sequence[Sequence[str]], encode: Callable[[Sequence[str]], Tensor], device: torch.device
    ) -> "SentenceCodes":
        """By an encoder, which gives (n, code) of n sentences."""
        count = torch.tensor([len(sentences) for sentences in captions])
        codes = encode([sentence for sentences in captions for sentence in sentences])
        return SentenceCodes(codes.clone().to(device), (count.cumsum(0) - count).to(device), count.to(device))

    def drawn(self, pictures: Tensor, averaged: int, generator: torch.Generator) -> Tensor:
        """(B, code): of pictures (B,) int64 each the mean of ``averaged`` codes, drawn with replacement."""
        uniform = torch.rand(averaged, len(pictures), generator=generator, device=self.codes.device)
        return self.codes[(uniform * self.count[pictures]).long() + self.first[pictures]].mean(0)
