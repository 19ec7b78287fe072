"""The classic global transfers: one function of a color for the whole picture, a file each.

What all of them take, and when they raise, `limner.recolor.recolored.Fit` says; a method's own docstring adds its own.
"""

from limner.recolor.classic.gamut import gamut
from limner.recolor.classic.histogram import histogram
from limner.recolor.classic.idt import idt
from limner.recolor.classic.mkl import mkl
from limner.recolor.classic.reinhard import reinhard
from limner.recolor.classic.xiao import xiao
from limner.recolor.recolored import Fit

FITS: dict[str, Fit] = {
    "reinhard": reinhard,
    "xiao": xiao,
    "mkl": mkl,
    "histogram": histogram,
    "idt": idt,
    "gamut": gamut,
}
