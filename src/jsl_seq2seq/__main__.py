"""``python -m jsl_seq2seq`` is the same program as ``jsl-seq2seq``."""

from .cli import main

main()
