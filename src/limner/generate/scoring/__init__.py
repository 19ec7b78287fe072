"""Runs and folders scored by the measures of fidelity."""
