"""PatchGAN: a discriminator that says of every patch how real it looks (Isola et al., CVPR 2017, sec. 3.2.2)."""

from torch import Tensor, nn

from limner.foundation.errors import UserError
from limner.nn.receptive_field import receptive_field
from limner.translate.networks.translator import Norm, check_norm, normalization

SLOPE = 0.2
MOST = 8


class PatchDiscriminator(nn.Module):
    """PatchGAN: convolutions only, a logit for each patch of the picture.

    With ``layers`` n, patches are 16, 34, 70, 142, 286 or 574 px for n from 1 to 6; 0 is the PixelGAN of 1 x 1
    convolutions. 2,768,705 parameters for 70 px, six channels and batch normalization; 2,764,737 for three channels and
    instance normalization without gains (CycleGAN's). CycleGAN and pix2pix pad by 1, DeblurGAN by 2.

    channels: of what it sees. layers: strided convolutions, 0 to 6. width: channels of the first. norm: ``batch``,
    ``instance`` or ``none``, as a gradient penalty needs. padding: of every convolution.
    """

    def __init__(
        self, channels: int, size_px: int = 0, *, layers: int = 3, width: int = 64, norm: Norm = "batch",
        padding: int = 1,
    ) -> None:  # fmt: skip
        super().__init__()
        check_norm(norm)
        if not 0 <= layers <= 6 or width < 1 or padding < 0 or channels < 1:
            raise UserError(
                f"the patch discriminator got channels {channels}, layers {layers}, width {width}, padding {padding}; "
                "needed: 1 or more, 0 to 6, 1 or more, 0 or more"
            )
        self.channels = channels
        bias = norm != "batch"
        if layers == 0:
            self.layers = nn.Sequential(
                nn.Conv2d(channels, width, 1), nn.LeakyReLU(SLOPE),
                nn.Conv2d(width, 2 * width, 1, bias=bias), normalization(norm, 2 * width), nn.LeakyReLU(SLOPE),
                nn.Conv2d(2 * width, 1, 1, bias=bias),
            )  # fmt: skip
            return
        found: list[nn.Module] = [nn.Conv2d(channels, width, 4, 2, padding), nn.LeakyReLU(SLOPE)]
        maps = width
        for number in range(1, layers + 1):
            before, maps = maps, width * min(2**number, MOST)
            stride = 1 if number == layers else 2
            found += [nn.Conv2d(before, maps, 4, stride, padding, bias=bias), normalization(norm, maps)]
            found += [nn.LeakyReLU(SLOPE)]
        self.layers = nn.Sequential(*found, nn.Conv2d(maps, 1, 4, 1, padding))

    def forward(self, image_pm1: Tensor) -> Tensor:
        """Logits (B, 1, h, w). image_pm1: (B, channels, H, W). Raises `UserError` for pictures smaller than a patch's
        last layers need."""
        if min(image_pm1.shape[2:]) < self.least_px:
            raise UserError(
                f"the patch discriminator got {image_pm1.shape[2]} x {image_pm1.shape[3]} px; with so many layers it "
                f"needs {self.least_px}: take fewer layers or larger crops"
            )
        logits: Tensor = self.layers(image_pm1)
        return logits

    @property
    def least_px(self) -> int:
        """The smallest side of which it makes a logit."""
        convolutions = [layer for layer in self.layers if isinstance(layer, nn.Conv2d)]
        side = 1
        for layer in reversed(convolutions):
            side = (side - 1) * layer.stride[0] + layer.kernel_size[0] - 2 * int(layer.padding[0])
            side = max(side, 1)
        return side

    def receptive_field(self) -> int:
        """How many pixels in a row a logit sees."""
        kept = [layer for layer in self.layers if isinstance(layer, nn.Conv2d)]
        return receptive_field(kept)
