"""A transfer as a table of colors."""
