"""How layers begin, how they are normalized and how far they may move."""
