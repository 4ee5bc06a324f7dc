"""The formats of corpus files."""
