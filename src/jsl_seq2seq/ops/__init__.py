"""Array libraries behind one door: :class:`~jsl_seq2seq.ops.base.Ops`."""
