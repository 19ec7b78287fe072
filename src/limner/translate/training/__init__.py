"""The recipes, the losses, the tasks, and what a training leaves: of pairs, of domains and of attributes."""
