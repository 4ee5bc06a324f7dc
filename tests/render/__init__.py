"""Tests of jsl_seq2seq.render."""
