"""The tags that a model can write, with readings and an example sentence each, and a search among them."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib import resources
from itertools import combinations

from ..corpus.lexicon import read_lexicon
from ..data import SentencePair, parse_corpus, read_starter_corpus
from ..tokenize.normalize import composed, hiragana
from ..tokenize.tokenizer import format_tags


@dataclass(frozen=True)
class Listed:
    """A tag, or the tags of one word, with what the packaged lexicon and sentences say about it.

    Attributes:
        spellings: of the words that stand for it, those in kana behind the others; may be empty.
        example: a sentence whose translation holds the tags in this order, if the package has one.
    """

    tags: tuple[str, ...]
    spellings: tuple[str, ...] = ()
    example: SentencePair | None = None

    def matches(self, part: str) -> bool:
        """Whether a tag or a spelling contains a text, whatever its case, its width and its kana."""
        folded = _folded(part)
        return any(folded in _folded(text) for text in (*self.tags, *self.spellings))

    @property
    def shown_example(self) -> str:
        """The example as one line; empty if there is none."""
        if self.example is None:
            return ""
        return f"例: {self.example.source} → {format_tags(self.example.tags)}"

    def to_dict(self) -> dict[str, object]:
        """Plain values."""
        example = self.example and {"text": self.example.source, "tags": list(self.example.tags)}
        return {"tags": list(self.tags), "spellings": list(self.spellings), "example": example}


def listed(tags: Sequence[str]) -> list[Listed]:
    """Every tag, in this order, and behind them the words of the lexicon that several of them stand for."""
    known = set(tags)
    spellings: dict[tuple[str, ...], dict[str, None]] = {(tag,): {} for tag in tags}
    for word in read_lexicon().words:
        if word.tags and word.word_class != "名前" and known.issuperset(word.tags):
            ending = "する" if word.word_class == "サ変" else ""
            written = [text + ending for text in (*word.spellings, *word.kana)]
            spellings.setdefault(word.tags, {}).update(dict.fromkeys(written))
    longest = max(map(len, spellings), default=0)
    examples: dict[tuple[str, ...], SentencePair] = {}
    for pair in _examples():
        for start, end in combinations(range(len(pair.tags) + 1), 2):
            if end - start <= longest:
                examples.setdefault(pair.tags[start:end], pair)
    return [Listed(one, tuple(texts), examples.get(one)) for one, texts in spellings.items()]


def _examples() -> Iterable[SentencePair]:
    """The packaged sentences, the shortest first."""
    packaged = resources.files("jsl_seq2seq") / "assets" / "handwritten.tsv"
    written = parse_corpus(packaged.read_text(encoding="utf-8"), packaged.name).pairs
    return sorted([*written, *read_starter_corpus().pairs], key=lambda pair: len(pair.source))


def _folded(text: str) -> str:
    """NFKC, letters small, katakana as hiragana."""
    return hiragana(unicodedata.normalize("NFKC", composed(text)).casefold())
