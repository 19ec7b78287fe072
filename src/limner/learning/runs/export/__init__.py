"""Trained networks as files that other programs run: raw pixels in, answers out, checked when they are written."""
