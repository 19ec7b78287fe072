"""Kernels without labels: drawn, designed, or learned from patches of pictures; and Gabor functions fitted to any."""
