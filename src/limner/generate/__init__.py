"""The room `generate`: networks that learn to make pictures like given ones, and what such pictures are worth."""
