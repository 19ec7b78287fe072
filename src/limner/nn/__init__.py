"""Layers that more than one room uses, pretrained weights, and what a network tells of itself."""
