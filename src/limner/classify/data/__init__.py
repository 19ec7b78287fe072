"""Pictures with a class each, in whatever form they lie: found, read, split, checked."""
