"""Clips: VGAN, from noise and from a still; how they are read, learned, scored and written."""
