"""Data of this room looked at before a training: pairs, domains, a source with classes, tables of attributes."""
