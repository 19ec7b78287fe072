"""How near a picture comes to the true one, and what does as well without learning."""
