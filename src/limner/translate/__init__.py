"""The room `translate`: pictures into other pictures, learned from pairs."""
