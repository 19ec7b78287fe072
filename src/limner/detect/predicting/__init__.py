"""A trained detector at work: pictures in, boxes and outlines out, drawn and as tables."""
