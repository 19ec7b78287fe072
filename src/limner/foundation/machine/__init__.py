"""The machine: its disk, memory, cores and devices, and the network that is left alone."""
