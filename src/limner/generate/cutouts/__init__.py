"""Cut-outs: objects cut out of annotated pictures by their instance masks, one picture each, to learn from."""
