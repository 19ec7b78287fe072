"""StyleGAN2: its layers, the generator and its mapping, and the discriminator."""
