"""Array libraries behind one interface: :mod:`jsl_seq2seq.backends.interface`."""
