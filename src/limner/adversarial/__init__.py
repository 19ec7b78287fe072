"""What rooms that learn by networks against each other share: losses, regularizers, weights, averages, augmentation."""
