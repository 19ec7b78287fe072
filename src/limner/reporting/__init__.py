"""Pictures, tables and reports for people."""
