"""The recipe, the task, what a training leaves; refining."""
