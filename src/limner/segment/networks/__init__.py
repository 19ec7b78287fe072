"""Networks of this room."""
