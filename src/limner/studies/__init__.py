"""Claims of a lecture as experiments: each is one command with seeds, intervals, a figure and a sentence."""
