"""Music as grids of notes: what is learned from, the networks, how it is scored, and how it is written and heard."""
