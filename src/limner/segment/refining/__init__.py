"""Going on from a trained network on a small annotated part of a scene, and what to annotate next."""
