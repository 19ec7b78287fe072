"""YOLO v1: a grid over the picture, of which each cell says at once where its object is and what."""
