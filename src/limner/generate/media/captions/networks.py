"""LSTM-GAN for captions: a generator that reads frames and says words, a discriminator of sentence and clip.

After Yang et al., "Video captioning by adversarial LSTM", IEEE Transactions on Image Processing 27(11), 2018. No code
of the authors is at hand, and their frame features come from a network trained on ImageNet: sizes and the small network
for frames are our own. Words are passed on softly there; here they are the likeliest, with the gradient of their
likelihoods, so that the discriminator cannot tell sentences by their being blurred.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

SLOPE = 0.2
CAPTION_GIVEN = ("words", "length", "size_px")


class ClipReader(nn.Module):
    """A clip in, a vector out: strided convolutions of each frame, then an LSTM over the frames' features."""

    def __init__(self, size_px: int, hidden: int, width: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        maps, side = 3, size_px
        while side > 4:
            wider = min(width * size_px // side, 4 * width)
            layers += [nn.Conv2d(maps, wider, 4, stride=2, padding=1), nn.LeakyReLU(SLOPE)]
            maps, side = wider, side // 2
        self.look = nn.Sequential(*layers, nn.Flatten(), nn.Linear(maps * side**2, hidden), nn.LeakyReLU(SLOPE))
        self.read = nn.LSTM(hidden, hidden, batch_first=True)

    def forward(self, clip: Tensor) -> Tensor:
        """clip: (B, frames, 3, S, S) in [-1, 1]. Gives (B, hidden)."""
        features = self.look(clip.flatten(0, 1)).unflatten(0, clip.shape[:2])
        _, (state, _) = self.read(features)
        seen: Tensor = state[0]
        return seen


class CaptionGenerator(nn.Module):
    """A latent and a clip in, words out, one after the other, until there is none.

    words: how many there are, the first of which is the end. length: words of a sentence, at most. latent: numbers in a
    latent. hidden: of the LSTMs. width: of the frames' network.
    """

    def __init__(
        self, words: int, length: int, size_px: int, *, latent: int = 16, hidden: int = 128, width: int = 16
    ) -> None:
        super().__init__()
        self.words, self.length, self.latent = words, length, latent
        self.clip = ClipReader(size_px, hidden, width)
        self.begin = nn.Linear(hidden + latent, 2 * hidden)
        self.embed = nn.Linear(words, hidden, bias=False)
        self.go_on = nn.LSTMCell(2 * hidden, hidden)
        self.say = nn.Linear(hidden, words)

    def logits(self, latent: Tensor, clip: Tensor, told: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Of each word (B, length, words), and the words that were chosen, one-hot with the gradient of their
        likelihoods. told: (B, length, words) one-hot, the words that each next one is told in place of its own."""
        seen = self.clip(clip)
        state, cell = self.begin(torch.cat([seen, latent], 1)).tanh().chunk(2, 1)
        word = seen.new_zeros(len(seen), self.words)
        end = functional.one_hot(torch.zeros(len(seen), dtype=torch.int64, device=seen.device), self.words).to(seen)
        going = seen.new_ones(len(seen), 1)
        said, chosen = [], []
        for place in range(self.length):
            state, cell = self.go_on(torch.cat([self.embed(word), seen], 1), (state, cell))
            said.append(self.say(state).float())
            likely = said[-1].softmax(1)
            sharp = functional.one_hot(likely.argmax(1), self.words).to(likely)
            word = (sharp + likely - likely.detach()) * going + end * (1 - going)
            chosen.append(word)
            going = going * (1 - word[:, :1].detach().round())
            word = word if told is None else told[:, place]
        return torch.stack(said, 1), torch.stack(chosen, 1)

    def forward(self, latent: Tensor, clip: Tensor) -> Tensor:
        """latent: (B, latent). clip: (B, frames, 3, S, S) in [-1, 1]. Gives (B, length, words) of 0 and 1."""
        return self.logits(latent, clip)[1]


class CaptionDiscriminator(nn.Module):
    """A sentence and a clip in, a logit out: whether they belong together and the sentence is a true one.

    hidden: of the LSTMs. width: of the frames' network.
    """

    def __init__(self, words: int, length: int, size_px: int, *, hidden: int = 128, width: int = 16) -> None:
        super().__init__()
        self.clip = ClipReader(size_px, hidden, width)
        self.embed = nn.Linear(words, hidden, bias=False)
        self.read = nn.LSTM(hidden, hidden, batch_first=True)
        self.verdict = nn.Sequential(
            nn.Linear(3 * hidden, hidden), nn.LeakyReLU(SLOPE), nn.Linear(hidden, 1)
        )  # fmt: skip

    def forward(self, sentence: Tensor, clip: Tensor) -> Tensor:
        """sentence: (B, length, words) of 0 and 1. clip: (B, frames, 3, S, S) in [-1, 1]. Gives logits (B,)."""
        seen = self.clip(clip)
        _, (state, _) = self.read(self.embed(sentence))
        logits: Tensor = self.verdict(torch.cat([state[0], seen, state[0] * seen], 1)).flatten()
        return logits


CAPTION_GENERATORS: dict[str, Callable[..., nn.Module]] = {"lstm": CaptionGenerator}
CAPTION_DISCRIMINATORS: dict[str, Callable[..., nn.Module]] = {"lstm": CaptionDiscriminator}
