"""Networks by name, whatever room they are of: listed, inspected and looked into."""
