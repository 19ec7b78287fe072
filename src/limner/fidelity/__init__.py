"""Scores of generated pictures against real ones, each with the protocol that it was made by."""
