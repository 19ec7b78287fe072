"""The recipe, the task, its monitors, and what a training leaves."""
