"""Scores of detections, and what they look like: curves, missed objects."""
