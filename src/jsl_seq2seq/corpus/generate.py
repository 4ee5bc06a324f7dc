"""Pairs of Japanese sentences and tags, the same for the same seed on every machine."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ..errors import UserError
from ..tokenize.normalize import normalize
from .conventions import rewrite
from .derive import DeadEnd, Deriver
from .grammar import read_grammar
from .katakana import in_katakana
from .lexicon import read_lexicon
from .open_words import MARK, read_open_words
from .rng import Rng

SPELLINGS = ("kanji", "kana", "mixed")
_SHARES = (0.42, 0.36, 0.22)
_MARKS = str.maketrans("", "", "。、！ ")
_DOUBLED = (
    ("、。", "。"), ("、！", "！"), ("、？", "？"), ("？。", "？"), ("！。", "！"), ("。！", "！"), ("？！", "？"),
    ("！！", "！"), ("？？", "？"), ("、、", "、"), ("。。", "。"), ("？、", "？"), ("。、", "。"), ("！、", "！"),
)  # fmt: skip
"""Two marks that templates put side by side, and the one that a writer would put."""

_PATIENCE = 4000
"""Attempts in a row without a new sentence after which ``corpus-exhausted`` is raised."""


@dataclass(frozen=True)
class Pair:
    """One sentence and its translation.

    Attributes:
        source: the sentence, normalized.
        tags: its tags without brackets.
        phenomenon: what the sentence is an example of (verb-negation, where-is, ...).
        pattern: the rule and the ending that made it.
        spelling: "kanji", "kana" or "mixed".
    """

    source: str
    tags: tuple[str, ...]
    phenomenon: str
    pattern: str
    spelling: str


@dataclass(frozen=True)
class Derivation:
    """One meaning with all its spellings; splits keep the spellings of one meaning together."""

    spellings: dict[str, str]
    tags: tuple[str, ...]
    phenomenon: str
    pattern: str
    combinations: tuple[tuple[str, str], ...]

    def pair(self, spelling: str) -> Pair:
        """The pair in one spelling."""
        return Pair(self.spellings[spelling], self.tags, self.phenomenon, self.pattern, spelling)


def sentence_key(source: str) -> str:
    """What two sentences have in common that differ in punctuation only: they count as the same one.

    「？」 stays unless か stands before it: 食べない？ invites, 食べない denies.
    """
    key = normalize(source).translate(_MARKS)
    return key[:-1] if key.endswith("か？") else key


def generate_pairs(
    count: int,
    seed: int,
    max_length: int = 50,
    lexicon: Path | None = None,
    open_words: float = 0.0,
    katakana: float = 0.0,
) -> list[Pair]:
    """``count`` pairs with distinct sources of at most ``max_length`` characters.

    No two of them contradict each other: a sentence, punctuation aside, has one translation.

    Args:
        lexicon: a folder that replaces the packaged lexicon, or a TSV file of rows added to it.
        open_words: the share (0 to below 1) of words that are replaced by words outside the lexicon; their
            tag is ``+`` and the dictionary form. Needs SudachiDict; the same dictionary, the same pairs.
        katakana: the share (0 to 1) of sentences whose hiragana is written in katakana, wholly or in part.

    Raises:
        UserError: the lexicon or the grammar is broken, or cannot make that many pairs; a share is out of
            range, or SudachiDict is missing.
    """
    if count < 1 or max_length < 1:
        raise UserError(
            "文の数と最大の長さは 1 以上にしてください。",
            "例: count=40000, max_length=50",
            code="corpus-size",
            count=count,
            max_length=max_length,
        )
    pairs: list[Pair] = []
    meanings: dict[str, tuple[str, ...]] = {}
    sources: set[str] = set()
    for derivation, rng in derivations(seed, lexicon, open_words, katakana):
        pair = derivation.pair(spelling_of(derivation, rng))
        if len(pair.source) > max_length or pair.source in sources:
            continue
        if any(
            meanings.get(sentence_key(text), pair.tags) != pair.tags for text in derivation.spellings.values()
        ):
            continue
        for text in derivation.spellings.values():
            meanings[sentence_key(text)] = pair.tags
        sources.add(pair.source)
        pairs.append(pair)
        if len(pairs) == count:
            break
    return pairs


def spelling_of(derivation: Derivation, rng: Rng) -> str:
    """Which spelling to show, drawn; a mixed one that equals the kanji or the kana one goes by that name."""
    spelling = rng.weighted_choice(SPELLINGS, _SHARES)
    text = derivation.spellings[spelling]
    if text == derivation.spellings["kana"]:
        return "kana"
    return "kanji" if text == derivation.spellings["kanji"] else spelling


def derivations(
    seed: int, lexicon: Path | None = None, open_words: float = 0.0, katakana: float = 0.0
) -> Iterator[tuple[Derivation, Rng]]:
    """An endless stream of derivations, with the generator they came from.

    Raises:
        UserError: as generate_pairs, or the grammar yields nothing new any more.
    """
    if not (0 <= open_words < 1 and 0 <= katakana <= 1):
        raise UserError(
            f"割合が範囲の外です: 語彙にない語 {open_words}、カタカナ書き {katakana}。",
            "open_words は 0 以上 1 未満、katakana は 0 から 1 で指定してください。",
            code="corpus-shares",
            open_words=open_words,
            katakana=katakana,
        )
    words = read_lexicon(lexicon)
    rng = Rng(seed)
    others = read_open_words(words) if open_words else None
    deriver = Deriver(words, read_grammar(words), rng, others, open_words)
    seen: set[tuple[str, str]] = set()
    fruitless = 0
    while True:
        if fruitless > _PATIENCE:
            raise UserError(
                "この語彙と文法からは、これ以上の新しい文を作れません。",
                "文の数を減らすか、語彙を足してください。",
                code="corpus-exhausted",
            )
        fruitless += 1
        try:
            fragment, rule = deriver.sentence()
        except DeadEnd:
            continue
        spellings = {
            "kanji": _tidy(fragment.kanji),
            "kana": _tidy(fragment.kana),
            "mixed": _tidy(fragment.mixed),
        }
        # The tag of a word outside the lexicon is its spelling: 受ケ取ル would be another word.
        known = not any(tag.startswith(MARK) for tag in fragment.tags)
        if katakana and known and rng.bernoulli(katakana):
            spellings = in_katakana(spellings, rng)
        key = (spellings["kanji"], spellings["kana"])
        if not fragment.tags or not spellings["kana"] or key in seen:
            continue
        seen.add(key)
        fruitless = 0
        phenomenon = rule.phenomenon or next(iter(deriver.trace.phenomena), "statement")
        yield (
            Derivation(
                spellings,
                rewrite(fragment.tags),
                phenomenon,
                "+".join([rule.id, *(pattern for _, pattern in deriver.trace.combinations)]),
                tuple(deriver.trace.combinations),
            ),
            rng,
        )


def _tidy(text: str) -> str:
    text = normalize(text)
    for doubled, single in _DOUBLED:
        text = text.replace(doubled, single)
    return text.strip("、 ")
