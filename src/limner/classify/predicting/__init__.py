"""Pictures classified by a trained network, with the evidence."""
