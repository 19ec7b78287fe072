"""Sentences as codes: an encoder of words that learns which sentence belongs to which picture.

The published systems take codes of 1,024 numbers from a char-CNN-RNN that was trained beforehand on the same captions,
matched with pictures (Reed et al., "Learning deep representations of fine-grained visual descriptions", CVPR 2016). Its
weights are nobody's to ship, so this encoder takes its place. It is another one: words instead of characters, a GRU
(Cho et al. 2014), and a softmax over the batch (as of Radford et al., "CLIP", ICML 2021) instead of a ranking loss.
"""

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from limner.datasets.world.sentences import words_of
from limner.foundation.errors import UserError
from limner.foundation.nearest import did_you_mean

MOST_WORDS = 48
"""Of a sentence; what stands behind is not read."""
SHARPNESS = 10.0
"""What cosines are multiplied with before the softmax over a batch."""


class Vocabulary:
    """The words that a run knows, in order. Word number 0 is none: sentences are filled up with it."""

    def __init__(self, words: Sequence[str]) -> None:
        self.words = tuple(words)
        self._numbers = {word: number for number, word in enumerate(self.words, 1)}

    @staticmethod
    def of(sentences: Iterable[str]) -> "Vocabulary":
        """All words of sentences, sorted."""
        return Vocabulary(sorted({word for sentence in sentences for word in words_of(sentence)}))

    def __len__(self) -> int:
        return len(self.words)

    def encode(self, sentences: Sequence[str]) -> Tensor:
        """(n, words) int64: word numbers, 0 behind the end; words that are not known are left out."""
        known = [[self._numbers[word] for word in words_of(each) if word in self._numbers] for each in sentences]
        known = [each[:MOST_WORDS] for each in known]
        encoded = torch.zeros(len(known), max(1, *map(len, known)), dtype=torch.int64)
        for row, numbers in enumerate(known):
            encoded[row, : len(numbers)] = torch.tensor(numbers, dtype=torch.int64)
        return encoded

    def check(self, sentence: str, option: str = "--text") -> None:
        """Raise `UserError` for a sentence without words, and for one with a word that the run has never seen."""
        words = words_of(sentence)
        if not words:
            raise UserError(f"{option}: '{sentence}' has no words; write what the picture shall show")
        for word in words:
            if word not in self._numbers:
                near = did_you_mean(word, self.words)
                raise UserError(f"{option}: the run has never seen the word '{word}'; {near}")


class TextEncoder(nn.Module):
    """Sentences in, codes out: an embedding of words, a GRU, the mean of its states, a linear layer.

    words: how many are known. code: numbers in a code. width: of the embedding; the GRU has twice as many states.
    """

    def __init__(self, words: int, code: int, width: int = 64) -> None:
        super().__init__()
        self.words, self.code = words, code
        self.embed = nn.Embedding(words + 1, width, padding_idx=0)
        self.read = nn.GRU(width, 2 * width, batch_first=True)
        self.say = nn.Linear(2 * width, code)

    def forward(self, sentence: Tensor) -> Tensor:
        """sentence: (B, words) int64, 0 behind the end. Gives (B, code) float32, of mean square 1."""
        known = (sentence > 0).unsqueeze(-1).float()
        states, _ = self.read(self.embed(sentence))
        mean = (states * known).sum(1) / known.sum(1).clamp(min=1)
        return functional.normalize(self.say(mean), dim=1) * self.code**0.5


class PictureEncoder(nn.Module):
    """Pictures in, codes out, to be matched with those of sentences: strided convolutions down to 4 x 4.

    The last maps are flattened, not averaged: where something stands is part of what a sentence tells.
    """

    def __init__(self, size_px: int, channels: int, code: int, width: int = 32) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        maps, side = channels, size_px
        while side > 4:
            wider = min(width * size_px // side, 4 * width)
            layers += [nn.Conv2d(maps, wider, 4, stride=2, padding=1), nn.LeakyReLU(0.2)]
            maps, side = wider, side // 2
        self.look = nn.Sequential(*layers)
        self.say = nn.Linear(maps * side**2, code)
        self.code = code

    def forward(self, image_pm1: Tensor) -> Tensor:
        """image_pm1: (B, channels, size_px, size_px) in [-1, 1]. Gives (B, code) float32, of mean square 1."""
        return functional.normalize(self.say(self.look(image_pm1).flatten(1)), dim=1) * self.code**0.5


def match(pictures: Tensor, sentences: Tensor) -> Tensor:
    """(n, m) float32: how well the codes of n pictures and of m sentences match, `SHARPNESS` times their cosine."""
    return pictures @ sentences.T * (SHARPNESS / pictures.shape[1])


def matching_loss(pictures: Tensor, sentences: Tensor) -> Tensor:
    """0-d: how hard it is to tell of (B, code) pictures and sentences, the same in order, which belong together."""
    logits, own = match(pictures, sentences), torch.arange(len(pictures), device=pictures.device)
    return (functional.cross_entropy(logits, own) + functional.cross_entropy(logits.T, own)) / 2
