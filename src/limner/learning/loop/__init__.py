"""The one training loop, what it asks of a task, and what it leaves on its way."""
