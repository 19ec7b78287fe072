"""The room that maps: every pixel of a scene gets a class."""
