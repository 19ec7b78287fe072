"""Exact counts of pixels, and the scores that follow from them."""
