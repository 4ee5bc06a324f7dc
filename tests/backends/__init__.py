"""One suite for every backend: each operation of Ops, forward and gradient."""
