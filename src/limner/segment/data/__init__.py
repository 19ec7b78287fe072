"""Folders of areas: found, read, checked; ground held out; crops drawn and changed."""
