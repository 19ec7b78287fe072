"""What any network tells of itself: its layers and stages, what they cost, and how much of a picture they see."""
