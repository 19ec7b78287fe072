"""Pairs of pictures: found, read, checked, held out, cropped."""
