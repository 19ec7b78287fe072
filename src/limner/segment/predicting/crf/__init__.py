"""A fully connected conditional random field over a picture: pixels near each other and alike agree on a class."""
