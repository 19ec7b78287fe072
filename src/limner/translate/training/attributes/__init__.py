"""Learning to draw pictures again with other attributes (IcGAN)."""
