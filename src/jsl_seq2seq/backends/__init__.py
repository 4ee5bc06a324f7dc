"""Array libraries behind one interface: :class:`~jsl_seq2seq.backends.interface.Ops`."""
