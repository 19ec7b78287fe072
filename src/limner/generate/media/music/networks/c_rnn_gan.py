"""C-RNN-GAN: notes one after the other from a recurrent generator, told from true ones by one that reads both ways.

Mogren, "C-RNN-GAN: continuous recurrent neural networks with adversarial training", 2016, by the author's code where it
differs from the paper. An LSTM has one bias a gate set there; torch's second one is held at 0 here.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from limner.generate.media.music.networks.forms import EVENTS, MusicShape

LAYERS = 2


class OneBiasLSTM(nn.Module):
    """A layer of LSTM with one bias, as the papers have it: torch's second is a buffer of zeros."""

    def __init__(self, inputs: int, hidden: int) -> None:
        super().__init__()
        self.hidden = hidden
        reach = hidden**-0.5
        self.input_weight = nn.Parameter(torch.empty(4 * hidden, inputs).uniform_(-reach, reach))
        self.state_weight = nn.Parameter(torch.empty(4 * hidden, hidden).uniform_(-reach, reach))
        self.bias = nn.Parameter(torch.zeros(4 * hidden))

    def forward(self, x: Tensor, state: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        """x: (B, inputs), one step. state: (hidden, cell), each (B, hidden). Gives the next."""
        gates = functional.linear(x, self.input_weight, self.bias) + functional.linear(state[0], self.state_weight)
        into, forget, new, out = gates.chunk(4, 1)
        cell = forget.sigmoid() * state[1] + into.sigmoid() * new.tanh()
        return out.sigmoid() * cell.tanh(), cell

    def begin(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """States of zeros for (B, ...)."""
        zeros = x.new_zeros(len(x), self.hidden)
        return zeros, zeros

    def read(self, sequence: Tensor) -> Tensor:
        """sequence: (B, n, inputs). Gives (B, n, hidden), by torch's own recurrence."""
        zeros = sequence.new_zeros(1, len(sequence), self.hidden)
        weights = [self.input_weight, self.state_weight, self.bias, torch.zeros_like(self.bias)]
        output, _, _ = torch.lstm(sequence, (zeros, zeros), weights, True, 1, 0.0, self.training, False, True)
        return output


class RecurrentGenerator(nn.Module):
    """Noise for each event in, events out; each is told the event before, as it was made.

    hidden: of an LSTM's state. events: how many are made.
    """

    form, by_bars = "events", False

    def __init__(self, shape: MusicShape, *, hidden: int = 350, events: int = 100, dropout: float = 0.5) -> None:
        super().__init__()
        self.events, self.latent = events, events * EVENTS
        self.read = nn.Linear(2 * EVENTS, hidden)
        self.layers = nn.ModuleList(OneBiasLSTM(hidden, hidden) for _ in range(LAYERS))
        self.say = nn.Linear(hidden, EVENTS)
        self.drop = nn.Dropout(dropout)

    def forward(self, latent: Tensor, true: Tensor | None = None) -> Tensor:
        """latent: (B, events x 4). true: (B, events, 4), told in place of what was made (pretraining). Gives
        (B, events, 4) float32."""
        noise = latent.unflatten(1, (self.events, EVENTS))
        before = torch.zeros_like(noise[:, 0])
        states = [layer.begin(latent) for layer in self.layers]  # type: ignore[operator]
        made = []
        for number in range(self.events):
            x = self.read(torch.cat([noise[:, number], before], 1)).relu()
            for place, layer in enumerate(self.layers):
                states[place] = layer(x, states[place])
                x = self.drop(states[place][0])
            event = self.say(x)
            made.append(event)
            before = event if true is None else true[:, number]
        return torch.stack(made, 1).float()


class RecurrentDiscriminator(nn.Module):
    """Events in, a logit out: two layers of LSTM forwards, two backwards, a verdict at each event, and their mean.

    hidden: of an LSTM's state.
    """

    by_bars = False

    def __init__(self, shape: MusicShape, *, hidden: int = 350, dropout: float = 0.5) -> None:
        super().__init__()
        self.ways = nn.ModuleList(
            nn.ModuleList([OneBiasLSTM(EVENTS, hidden), OneBiasLSTM(hidden, hidden)]) for _ in range(2)
        )
        self.say = nn.Linear(2 * hidden, 1)
        self.drop = nn.Dropout(dropout)

    def features(self, events: Tensor) -> Tensor:
        """(B, n, 2 hidden): what both ways have read at each event."""
        read = []
        for backwards, layers in enumerate(self.ways):
            x = events.flip(1) if backwards else events
            for layer in layers:  # type: ignore[attr-defined]
                x = self.drop(layer.read(x))
            read.append(x.flip(1) if backwards else x)
        return torch.cat(read, 2)

    def forward(self, events: Tensor) -> Tensor:
        """events: (B, n, 4). Gives logits (B,)."""
        logits: Tensor = self.say(self.features(events)).mean((1, 2))
        return logits
