"""Pictures of sentences: what is learned from, how sentences are read, the networks, and how it is scored."""
