"""From the pixels of a class to polygons."""
