"""Learning from pairs: a picture, and the one that shall be made of it."""
