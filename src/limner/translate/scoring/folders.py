"""`limner score --pairs`: two folders of pictures, or two pictures, compared one by one."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from limner.datasets.pictures.listing import picture_files
from limner.foundation.errors import UserError
from limner.foundation.files.names import paired_by
from limner.foundation.files.writing import must_exist
from limner.foundation.progress import Progress
from limner.reporting.tables import markdown, markdown_row
from limner.translate.data.reading import as_float, read_image
from limner.translate.measures.similarity import SSIM_PX, Channel, Protocol, psnr, ssim


@dataclass(frozen=True)
class FolderScores:
    """PSNR and SSIM of pictures of two folders by name. SSIM is NaN of pictures that are too small for it. unmade:
    how many of the true pictures have no counterpart, so that no score tells of them."""

    rows: Mapping[str, tuple[float, float]]
    protocol: Protocol
    unmade: int = 0

    @property
    def means(self) -> tuple[float, float]:
        """Mean PSNR in dB, and mean SSIM."""
        values = np.array(list(self.rows.values()))
        known = values[:, 1][~np.isnan(values[:, 1])]
        return float(values[:, 0].mean()), float(known.mean()) if len(known) else float("nan")

    def to_markdown(self) -> str:
        """A table with a row for each picture, and the protocol."""
        label = self.protocol.label()
        lines = [["picture", f"PSNR, dB ({label})", f"SSIM ({label})"], ["---", "---:", "---:"]]
        lines += [[name, *_cells(*scores)] for name, scores in self.rows.items()]
        lines.append([f"mean of {len(self.rows):,}", *_cells(*self.means)])
        told = [self.caution, ""] if self.caution else []
        return "\n".join([*told, *map(markdown_row, lines), "", markdown(self.protocol.sentence())]) + "\n"

    @property
    def caution(self) -> str | None:
        """What may mislead; None where nothing does."""
        if not self.unmade:
            return None
        every = len(self.rows) + self.unmade
        return f"Careful: only {len(self.rows):,} of {every:,} true pictures are scored: the others have none made"

    def to_json(self) -> dict[str, Any]:
        """Everything, as JSON holds it; None for an SSIM that cannot be."""
        rows = {**self.rows, "": self.means}
        told = {name: {"psnr": one, "ssim": None if np.isnan(other) else other} for name, (one, other) in rows.items()}
        mean = told.pop("")
        protocol = {"channel": self.protocol.channel, "border_px": self.protocol.border_px, "bits": 8}
        return {
            "pictures": told,
            "mean": mean,
            "unmade": self.unmade,
            "protocol": {**protocol, "said": self.protocol.sentence()},
        }


def score_pairs(made: Path, true: Path, *, channel: Channel = "y", border_px: int = 0) -> FolderScores:
    """Compare pictures with the true ones: two files, or two folders by the files' names without their suffixes.

    Raises `UserError` for pictures that are not there, have no partner, cannot be read, or have another size.
    """
    must_exist([made, true])
    if border_px < 0:
        raise UserError(f"--border-px is {border_px}; needed: 0 or more")
    if made.is_dir() != true.is_dir():
        folder = made if made.is_dir() else true
        raise UserError(f"{made} and {true}: only {folder} is a folder; give two pictures or two folders")
    pairs, unmade = _by_name(made, true) if made.is_dir() else ({made.name: (made, true)}, 0)
    protocol = Protocol(channel, border_px)
    rows = {}
    with Progress("score", len(pairs), "pictures") as progress:
        for name, both in pairs.items():
            one, other = (as_float(read_image(path)) for path in both)
            try:
                found = psnr(one, other, protocol)
                small = min(other.shape[1:]) - 2 * border_px < SSIM_PX
                rows[name] = (found, float("nan") if small else ssim(one, other, protocol))
            except UserError as error:
                raise UserError(f"{both[0]}: {error}") from None
            progress.advance()
    return FolderScores(rows, protocol, unmade)


def _by_name(made: Path, true: Path) -> tuple[dict[str, tuple[Path, Path]], int]:
    """(Pictures by their names, how many true ones nobody made)."""
    halves: list[dict[str, Path]] = []
    for folder in (made, true):
        by_name: dict[str, Path] = {}
        for path in picture_files(folder):
            name = paired_by(path.relative_to(folder))
            if name in by_name:
                raise UserError(f"{path}: {by_name[name].name} has the same name; keep one of the two")
            by_name[name] = path
        halves.append(by_name)
    lonely = sorted(halves[0].keys() - halves[1].keys())
    if lonely:
        raise UserError(f"{halves[0][lonely[0]]}: no picture of this name in {true}; needed: a true one for each")
    pairs = {name: (halves[0][name], halves[1][name]) for name in sorted(halves[0])}
    return pairs, len(halves[1]) - len(pairs)


def _cells(one: float, other: float) -> list[str]:
    return [f"{one:.2f}", "" if np.isnan(other) else f"{other:.4f}"]
