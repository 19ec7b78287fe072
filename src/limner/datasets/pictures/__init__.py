"""Folders of pictures: found, decoded, fitted to one size, near-duplicates told."""
