"""The shipped corpus: Japanese sentences made by rules, with the tags they stand for.

The rules and the words are data (``assets/grammar``, ``assets/lexicon``); docs/corpus.md explains them. No
signer has reviewed them yet, and tags are not Japanese Sign Language.
"""

from .generate import Pair, generate_pairs, sentence_key
from .grammar import Grammar, read_grammar
from .lexicon import Lexicon, Word, read_lexicon
from .splits import SplitReport, make_splits, write_pairs, write_splits

__all__ = [
    "Grammar",
    "Lexicon",
    "Pair",
    "SplitReport",
    "Word",
    "generate_pairs",
    "make_splits",
    "read_grammar",
    "read_lexicon",
    "sentence_key",
    "write_pairs",
    "write_splits",
]
