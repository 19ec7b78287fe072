"""Runs scored on what they did not learn from, and put side by side."""
