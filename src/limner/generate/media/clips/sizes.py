"""Sizes of the clips that are learned and made. Imports no torch."""

SIZES_PX = (16, 32, 64, 128)
