"""Scenes of any size looked through by tiles: objects as polygons, each once, with their place on the earth."""
