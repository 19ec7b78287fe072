"""Terms beside a discriminator's or a generator's loss."""
