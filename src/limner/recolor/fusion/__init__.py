"""From colors of superpixels to colors of pixels."""
