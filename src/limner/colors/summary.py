"""What is kept of the colors of an area or a scene: exact moments, and a sample drawn evenly over its pixels.

Both come from one pass over the pixels, a part in memory at a time, and say all that a global transfer asks of colors.
This file imports no torch.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from limner.foundation.errors import UserError
from limner.foundation.files.names import plain, spelled
from limner.foundation.files.writing import replacing
from limner.scenes.statistics import NOTHING, Moments
from limner.scenes.windows import Pixels

ALL, NEAREST = "all", "nearest"
"""What may be named beside a training area to take colors from: all of them together,
or the one of the nearest colors.
"""
SAMPLE_PX = 8192
FORMAT = "limner colors 1"
SMALL_TYPES = (np.uint8, np.uint16)


@dataclass(frozen=True, eq=False)
class ColorSummary:
    """The colors of some pixels, in the pixels' own unit.

    moments: their number, mean and covariance, exact. sample: (bands, k) float32, pixels drawn evenly without
    replacement, in random order: the first m of them are such a sample too.
    """

    moments: Moments
    sample: np.ndarray

    @property
    def count(self) -> int:
        """How many pixels there are."""
        return self.moments.count

    @property
    def bands(self) -> int:
        """How many numbers a color has."""
        return len(self.moments.mean)

    def cut(self, most: int) -> "ColorSummary":
        """The same with a sample of at most ``most`` pixels."""
        return ColorSummary(self.moments, self.sample[:, :most])


def summarize(parts: Iterable[Pixels], *, sample_px: int = SAMPLE_PX, seed: int = 0) -> ColorSummary:
    """The colors of all valid pixels of ``parts``, one part in memory at a time.

    Every pixel draws a number in its turn, and those with the smallest stay: each has the same chance, and the sample
    is the same wherever the parts end, as long as the pixels come in the same order.

    Where no pixel is valid the count is 0, and there is nothing to match.
    """
    generator = np.random.default_rng(seed)
    moments, kept = NOTHING, np.zeros((0, 0), np.float32)
    keys = np.zeros(0)
    for values, valid in parts:
        pixels = values[:, valid]
        if not pixels.size:
            continue
        moments = moments.merged(Moments.of(pixels))
        drawn = generator.random((pixels.shape[1],))
        low = np.flatnonzero(drawn < keys[-1]) if len(keys) == sample_px else np.arange(len(drawn))
        fresh = pixels[:, low].astype(np.float32)
        keys = np.concatenate([keys, drawn[low]])
        order = np.argsort(keys, kind="stable")[:sample_px]
        keys = keys[order]
        kept = np.concatenate([kept, fresh], axis=1)[:, order] if kept.size else fresh[:, order]
    return ColorSummary(moments, kept)


def merged(summaries: Sequence[ColorSummary], sample_px: int = SAMPLE_PX) -> ColorSummary:
    """The colors of several areas together, each with the weight of its pixels.

    The sample takes from each area in proportion to its pixels, as many as the smallest sample allows.
    """
    moments = NOTHING
    for summary in summaries:
        moments = moments.merged(summary.moments)
    share = np.array([summary.count / moments.count for summary in summaries])
    held = np.array([summary.sample.shape[1] for summary in summaries])
    size = min(sample_px, int((held / share).min() + 0.5))
    taken = np.minimum(held, np.round(share * size).astype(int))
    # Interleaved, so that the first of the sample are from all areas too.
    place = np.concatenate([(np.arange(number) + 0.5) / number for number in taken if number])
    sample = np.concatenate([summary.sample[:, :number] for summary, number in zip(summaries, taken, strict=True)], 1)
    return ColorSummary(moments, sample[:, np.argsort(place, kind="stable")])


def write_summaries(path: Path, summaries: Mapping[str, ColorSummary]) -> None:
    """Write named summaries as a safetensors file, whole or not at all;
    samples in the smallest type that holds them.
    """
    tensors = {}
    for number, summary in enumerate(summaries.values()):
        tensors[f"{number}.count"] = np.array(summary.count, np.int64)
        tensors[f"{number}.mean"] = summary.moments.mean
        tensors[f"{number}.scatter"] = np.ascontiguousarray(summary.moments.scatter)
        tensors[f"{number}.sample"] = np.ascontiguousarray(_smallest(summary.sample))  # else bands are mixed up
    names = {f"name {number}": plain(name) for number, name in enumerate(summaries)}
    with replacing(path) as temporary:
        temporary.write_bytes(_in_order(save(tensors, {"format": FORMAT, **names})))


def _in_order(content: bytes) -> bytes:
    """A safetensors file with its words by name: the library puts them in an order of its own in each process, and the
    same colors would be other bytes."""
    end = 8 + int.from_bytes(content[:8], "little")
    header = json.loads(content[8:end])
    header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)  # tensors begin at a multiple of eight
    return len(text).to_bytes(8, "little") + text + content[end:]


def read_summaries(path: Path) -> dict[str, ColorSummary]:
    """The summaries that `write_summaries` wrote, in their order. Raises `UserError` for any other file."""
    try:
        with safe_open(spelled(path), "numpy") as file:
            words = file.metadata() or {}
            if words.get("format") != FORMAT:
                raise UserError(f"{path}: holds no colors of areas that this limner reads; measure them again")
            return {
                words[f"name {number}"]: ColorSummary(
                    Moments(
                        int(file.get_tensor(f"{number}.count")),
                        file.get_tensor(f"{number}.mean"),
                        file.get_tensor(f"{number}.scatter"),
                    ),
                    file.get_tensor(f"{number}.sample").astype(np.float32),
                )
                for number in range(len(words) - 1)
            }
    except (SafetensorError, OSError, KeyError) as error:
        raise UserError(f"{path}: cannot be read ({error}); the file is damaged") from None


def _smallest(sample: np.ndarray) -> np.ndarray:
    """The sample as small integers where nothing is lost by it."""
    for kind in SMALL_TYPES:
        if sample.min() >= 0 and sample.max() <= np.iinfo(kind).max and not (sample % 1).any():
            return sample.astype(kind)
    return sample
