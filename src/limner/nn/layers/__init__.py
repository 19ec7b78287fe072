"""Layers of convolutional networks from the ground up, each usable in any network."""
