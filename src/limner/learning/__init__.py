"""Recipes, tasks, the one training loop, runs and the table of rooms."""
