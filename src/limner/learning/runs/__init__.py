"""Runs: what a training leaves in its folder, and how the other verbs find, open and describe it."""
