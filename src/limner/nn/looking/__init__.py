"""Looking inside a network: what it sees in a picture, where its evidence lies, and what its layers look for."""
