"""How near a result is to its reference, and what it keeps of its target."""
