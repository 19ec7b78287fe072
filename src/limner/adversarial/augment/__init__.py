"""Augmentation of all that the discriminator sees, real and generated alike, which lets it learn from few pictures."""
