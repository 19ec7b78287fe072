"""Folders of areas: found, read, checked."""
