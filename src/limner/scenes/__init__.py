"""Rasters with their place on the earth: opened, read window by window, resampled, joined, written."""
