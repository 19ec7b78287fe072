"""Tunes in ABC for tests."""

import numpy as np

SCALE = "CDEFGABcdefgab"


def draw_tunes(count: int, bars: int = 6) -> str:
    """Tunes in ABC: eighths and quarters up and down the scale, each of its own."""
    draws = np.random.default_rng(0)
    tunes = []
    for number in range(count):
        told = []
        for _ in range(bars):
            lengths = [["2"] * 4, ["2", "1", "1", "2", "2"], ["1"] * 8][draws.integers(3)]
            told.append("".join(SCALE[draws.integers(14)] + length for length in lengths))
        tunes.append(f"X:{number}\nT:tune {number}\nM:4/4\nL:1/8\nK:C\n{'|'.join(told)}|\n")
    return "\n".join(tunes)
