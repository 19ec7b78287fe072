"""A picture through a trained network, tile by tile."""
