"""Files: found, read within limits, and written so that nothing is ever lost or half there."""
