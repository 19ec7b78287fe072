"""Region proposals: boxes that may hold an object of any class, from colors and textures alone."""
