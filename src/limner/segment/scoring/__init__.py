"""Runs and maps scored, and put side by side."""
