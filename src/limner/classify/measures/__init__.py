"""What is right and what is wrong: scores with their intervals, and the mistakes themselves."""
