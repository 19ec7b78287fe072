"""Clips recolored without flicker."""
