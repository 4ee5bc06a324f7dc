"""The model, on every backend, against an independent one."""
