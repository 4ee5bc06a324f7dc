"""Tests of jsl_seq2seq.settings."""
