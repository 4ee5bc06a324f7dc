"""Other people's model formats, read and written."""
