"""Sentences for clips: what is learned from, the networks, how it is scored, and how a run captions clips."""
