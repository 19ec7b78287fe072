"""Photographs in and out: bits, alpha, metadata and color profiles kept."""
