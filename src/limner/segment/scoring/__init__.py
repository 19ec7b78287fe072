"""Exact counts of pixels, and the scores and tables that follow from them."""
