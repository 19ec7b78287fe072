"""Tunes and chorales read from ABC, MIDI, JSON and .npz into grids of notes."""
