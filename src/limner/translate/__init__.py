"""The room `translate`: pictures into other pictures, learned from pairs, or from kinds of pictures without pairs."""
