"""Color spaces, the colors of an area in few numbers, and maps from colors to colors."""
