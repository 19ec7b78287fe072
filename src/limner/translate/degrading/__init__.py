"""What makes a picture worse in a known way, so that pairs can be made of any pictures."""
