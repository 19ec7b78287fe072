"""Learning from domains: kinds of pictures without pairs, among them a source whose pictures have classes."""
