"""Pictures made by a trained generator."""
