"""Objects outlined in pictures, whatever format they are annotated in."""
