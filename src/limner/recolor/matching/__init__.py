"""Which superpixel of the target resembles which of the reference."""
