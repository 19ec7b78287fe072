"""Scenes of any size to maps in files."""
