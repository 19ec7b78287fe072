"""What rooms that learn by a game of two networks share: losses, penalties, averages, augmentation, and the round itself."""
