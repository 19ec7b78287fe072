"""A generator as a file of its own."""

from torch import Tensor, nn

from limner.foundation.errors import UserError
from limner.generate.making.predictor import PictureGenerator, load_generator
from limner.learning.runs.export.export import told
from limner.learning.runs.export.exportable import Exportable
from limner.learning.runs.run import Run


class RawGenerator(nn.Module):
    """Pictures in 0..255 of latents: (B, latent) float32 [, (B,) int64 classes] -> (B, channels, S, S)."""

    def __init__(self, generator: PictureGenerator) -> None:
        super().__init__()
        self.network = generator.network

    def forward(self, latent: Tensor, label: Tensor | None = None) -> Tensor:
        return ((self.network(latent, label) + 1) * 127.5).clamp(0, 255)


def exportable(run: Run) -> Exportable:
    """A run's generator for `limner.export`.

    Raises `UserError` for one whose latents are optimized before every picture: that needs gradients.
    """
    generator = load_generator(run, "cpu")
    if generator.latent_optimization.sampling_steps:
        raise UserError(
            f"{run.folder}: moves each latent by gradients before it makes a picture, which no exported graph can do"
        )
    generator.network.eval()
    examples = []
    for count in (2, 1, 5):
        latent = generator.latents(range(count), seed=count)
        labels = generator.labels(range(count), seed=count)
        examples.append((latent,) if labels is None else (latent, labels))
    names = ("latent", "label") if generator.class_names else ("latent",)
    classes = f", and label: (batch,) int64, 0 to {len(generator.class_names) - 1}" if generator.class_names else ""
    return Exportable(
        module=RawGenerator(generator).eval(),
        inputs=names,
        output="picture",
        examples=tuple(examples),
        dynamic={name: {0: "batch"} for name in (*names, "picture")},
        answers="pictures",
        metadata=told(
            run.facts, "generate", f"latent: (batch, {generator.latent}) float32, drawn from the prior{classes}",
            f"(batch, {generator.channels}, {generator.size_px}, {generator.size_px}) float32, 0..255",
        ),
    )  # fmt: skip
