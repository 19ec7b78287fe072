"""A discriminator that sees pictures through a frozen network which knows thousands of kinds of things."""
