"""The recipe, the losses, the task, and what a training leaves."""
