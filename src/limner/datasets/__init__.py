"""What is learned from: folders of pictures, and annotations of objects."""
