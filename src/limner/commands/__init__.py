"""The command line's verbs, one file a room: each parses, calls and prints, and nothing else."""
