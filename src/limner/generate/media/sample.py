"""What is shown to a discriminator of any medium: something made, of any shape, and what it should be like."""

from typing import NamedTuple

from torch import Tensor


class Condition(NamedTuple):
    """What a sample should be like; all None: whatever the generator makes.

    label: (B,) int64 class numbers. vector: (B, d) float, such as the code of a sentence, or attributes. previous:
    (B, ...) float, what came before it: a picture, or a bar.
    """

    label: Tensor | None = None
    vector: Tensor | None = None
    previous: Tensor | None = None

    def given(self) -> tuple[Tensor, ...]:
        """What there is, in order: what networks take behind a latent, or behind a sample."""
        return tuple(each for each in self if each is not None)


class MediaSample(NamedTuple):
    """made: (B, ...) float, pictures, voxels, clips or bars, in the range of the medium. condition: what each should be
    like."""

    made: Tensor
    condition: Condition = Condition()
