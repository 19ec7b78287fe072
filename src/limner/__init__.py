"""limner teaches convolutional networks to see pictures and to make them."""

__version__ = "0.1.0"
