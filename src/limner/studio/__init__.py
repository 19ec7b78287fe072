"""The studio: the verbs on a local web page, each page with the command that does the same."""
