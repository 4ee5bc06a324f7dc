"""The original project's files, from writers and a model that share no code with the reader."""
