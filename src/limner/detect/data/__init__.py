"""Pictures with objects, in whatever form they are annotated: found, read, split, changed, checked."""
