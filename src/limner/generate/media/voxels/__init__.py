"""Solids of voxels: what is learned from, the networks of 3D-GAN, how they are scored, and what is written."""
