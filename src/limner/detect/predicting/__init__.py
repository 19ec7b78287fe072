"""A trained detector at work: pictures and scenes in, boxes and outlines out, drawn, as tables and as polygons."""
