"""Regions: what R-CNN, Fast R-CNN and Perceptual GAN make of a box in a picture or in its features."""
