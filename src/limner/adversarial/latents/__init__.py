"""Latents moved towards what the discriminator takes for real, before the pictures that both networks learn from."""
