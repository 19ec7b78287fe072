"""The recipe, the task that trains a detector, and what a training leaves."""
