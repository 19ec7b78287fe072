"""Pictures of any size, folders and scenes through a trained network, tile by tile."""
