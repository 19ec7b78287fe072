"""The classic global transfers: one function of a color for the whole picture, a file each.

What all of them take, and when they raise, `limner.colors.color_map.Fit` says; a method's own docstring adds its own.
"""

from limner.colors.classic.gamut import gamut
from limner.colors.classic.histogram import histogram
from limner.colors.classic.idt import idt
from limner.colors.classic.mkl import mkl
from limner.colors.classic.reinhard import reinhard
from limner.colors.classic.xiao import xiao
from limner.colors.color_map import Fit

FITS: dict[str, Fit] = {
    "reinhard": reinhard,
    "xiao": xiao,
    "mkl": mkl,
    "histogram": histogram,
    "idt": idt,
    "gamut": gamut,
}
