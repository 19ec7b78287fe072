"""What labels hold, and what it means: the class of each pixel."""
