"""What a photo file says besides its pixels, and what must come back with them."""

from __future__ import annotations

from dataclasses import dataclass, replace

from limner.foundation.orientation import swaps_edges
from limner.photos.exif import upright, upright_xmp


@dataclass(frozen=True)
class Tags:
    """profile: ICC; None means sRGB. exif: without the "Exif" before it. dpi: pixels an inch, across and down."""

    profile: bytes | None = None
    exif: bytes | None = None
    xmp: bytes | None = None
    iptc: bytes | None = None
    dpi: tuple[float, float] | None = None

    def upright(self, orientation: int) -> Tags:
        """Those of the picture after it was turned upright; EXIF that is damaged is left out."""
        swapped = swaps_edges(orientation)
        return replace(
            self,
            exif=upright(self.exif, swapped) if self.exif else None,
            xmp=upright_xmp(self.xmp) if self.xmp else None,
            dpi=self.dpi[::-1] if swapped and self.dpi else self.dpi,
        )

    @property
    def longest_block(self) -> int:
        """Bytes of the longest of EXIF, XMP and IPTC."""
        return max(len(block or b"") for block in (self.exif, self.xmp, self.iptc))

    def within(self, block_bytes: int) -> Tags:
        """Without those of EXIF, XMP and IPTC that are longer than this."""
        blocks = (self.exif, self.xmp, self.iptc)
        exif, xmp, iptc = (block if len(block or b"") <= block_bytes else None for block in blocks)
        return replace(self, exif=exif, xmp=xmp, iptc=iptc)


NOTHING = Tags()
