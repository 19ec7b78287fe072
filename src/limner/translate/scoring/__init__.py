"""Runs and folders of pictures scored, and put side by side."""
