"""How the room learns: photos, pairs made of them, losses, the task, and what a trained network reaches."""
