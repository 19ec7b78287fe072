"""The version of limner, said once."""

__version__ = "0.1.0"
