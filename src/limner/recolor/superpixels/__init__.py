"""Superpixels, and means over them."""
