"""The drawn world: solids of several shapes, colors, sizes and places with a sentence each, and an exact reader."""
