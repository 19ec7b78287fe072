"""The recipe, the task, its monitor, and what a training leaves."""
