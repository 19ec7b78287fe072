"""The recipes, the losses of content, the tasks, and what a training leaves."""
