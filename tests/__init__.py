"""Tests, laid out like ``src/jsl_seq2seq``."""
