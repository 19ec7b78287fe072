"""The recipe, the task, its losses and augmentation, and what a training leaves."""
