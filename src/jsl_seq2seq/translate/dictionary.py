"""The user's own words: entries that always win over what a model has learnt.

A dictionary file has one entry a line, ``言葉<TAB><タグ> <タグ> …``, in UTF-8; ``#`` starts a comment. Nouns and
phrases match as written, verbs and adjectives in any conjugation of the dictionary form that is given. Of entries
that match at one place the longest is taken, and from left to right none overlaps another.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..data.formats.format import read_lines
from ..errors import UserError
from ..io.files import is_regular, locked, replace_file, require_reachable
from ..io.text import has_surrogates
from ..store.directory import DICTIONARY
from ..tokenize.inflection import GODAN
from ..tokenize.normalize import JAPANESE, hiragana
from ..tokenize.tokenizer import format_tags, parse_tags

MAX_BYTES = 64 << 20
"""A larger file is refused unread."""

_HAN, _KATAKANA = re.compile("[\u3400-\u9fff]"), re.compile("[ァ-ヶ]")
_LINE_HINT = "1 行に「言葉<TAB><タグ> <タグ> …」と書きます（<TAB> はタブ文字）。"
_TAGS_HINT = "タグは < と > で囲みます。例: <犬> <名前>"

_ICHIDAN = (
    *"るなまてたよれらさろずそすちとぬ続始終過直切方",
    *("に行", "にい", "に来", "にき", "にく", "にこ", "にな", "つづ", "はじ", "おわ", "かた"),
)
"""What can follow the stem of an ichidan verb: endings, purpose (食べに行く), お食べになる, and the second verbs of
食べ続ける and its like."""
_ADJECTIVE = "いくかけさそすみ"
"""What can follow the stem of an i-adjective."""
_SURU = (
    "する",
    "すれ",
    "して",
    "した",
    "しま",
    "しな",
    "しよ",
    "しろ",
    "しそ",
    "しち",
    "しと",
    "しつ",
    "さ",
    "せ",
    "でき",
)
"""What can follow the noun of a verb in する."""


@dataclass(frozen=True)
class Entry:
    """One entry.

    Attributes:
        word: as the file has it.
        tags: what it is translated as.
        where: file and line; empty for an entry given by a program.
    """

    word: str
    tags: tuple[str, ...]
    where: str = ""


@dataclass(frozen=True)
class Match:
    """An entry found in a text: ``text[start:end]`` is the word, or the stem that all of its forms share."""

    start: int
    end: int
    entry: Entry


class Dictionary:
    """Entries, and where they stand in texts.

    Args:
        entries: of equal words the last one counts.
    """

    def __init__(self, entries: Iterable[Entry] = ()) -> None:
        self.entries = tuple({entry.word: entry for entry in entries}.values())
        self._stems: dict[str, list[tuple[str, tuple[str, ...] | None, Entry]]] = {}
        for entry in self.entries:
            word = JAPANESE(entry.word)
            if word:
                for stem, follow, exact in _stems(word):
                    self._stems.setdefault(hiragana(stem), []).append((stem if exact else "", follow, entry))
        self._longest = max(map(len, self._stems), default=0)

    @classmethod
    def read(cls, *paths: Path) -> Dictionary:
        """The entries of files; of equal words those of later files count.

        Raises:
            UserError: a file cannot be read or a line is no entry; names file and line.
        """
        return cls(entry for path in paths for entry in _read(path))

    def __len__(self) -> int:
        return len(self.entries)

    def matches(self, text: str) -> list[Match]:
        """The entries that a text holds, from left to right."""
        if not self._stems:
            return []
        normalized, offsets = JAPANESE.with_offsets(text)
        folded = hiragana(normalized)
        found, position = [], 0
        while position < len(folded):
            entry, length = self._at(folded, normalized, position)
            if entry is None:
                position += 1
                continue
            found.append(Match(offsets[position][0], offsets[position + length - 1][1], entry))
            position += length
        return found

    def _at(self, text: str, written: str, position: int) -> tuple[Entry | None, int]:
        """The longest entry that begins at ``position``, and how many characters it covers.

        ``text`` is ``written`` in hiragana.
        """
        for length in range(min(self._longest, len(text) - position), 0, -1):
            end = position + length
            for stem, follow, entry in self._stems.get(text[position:end], ()):
                if stem and written[position:end] != stem:
                    continue
                if follow is None or text.startswith(follow, end):
                    return entry, length
        return None, 0


def keep_entry(directory: Path, word: str, written: str) -> Entry:
    """Put an entry into a model directory's own dictionary, in place of one for the same word.

    Args:
        written: the tags, in their brackets.

    Raises:
        UserError: the entry could not be read again, or the dictionary cannot be read or written.
    """
    path = directory / DICTIONARY
    if (
        has_surrogates(word + written)
        or word.startswith("#")
        or any(character in word for character in "\t\n\r")
    ):
        raise UserError(
            f"辞書に入れられない言葉です: {word!r}",
            "タブと改行と壊れた文字のない、# で始まらない言葉とタグにしてください。",
            code="dictionary-word",
            word=word,
        )
    entry = _entry(f"{word}\t{written}", f"「{word}」", path, 0)
    with locked(directory):
        lines = [*_other_lines(path, entry.word), f"{entry.word}\t{format_tags(entry.tags)}"]
        replace_file(directory, DICTIONARY, _joined(lines))
    return entry


def drop_entry(directory: Path, word: str) -> bool:
    """Take a word out of a model directory's own dictionary; whether it was there.

    Raises:
        UserError: the dictionary cannot be read or written.
    """
    require_reachable(directory)
    path = directory / DICTIONARY
    if not is_regular(path) or word.strip() not in {entry.word for entry in _read(path)}:
        return False
    with locked(directory):
        replace_file(directory, DICTIONARY, _joined(_other_lines(path, word.strip())))
    return True


def _other_lines(path: Path, word: str) -> list[str]:
    """The lines of a dictionary without those for a word; comments stay."""
    if not is_regular(path):
        return []
    _read(path)  # raises for a wrong line before anything is written
    return [line for line in _lines(path) if line.startswith("#") or line.partition("\t")[0].strip() != word]


def _joined(lines: Sequence[str]) -> bytes:
    return "".join(line + "\n" for line in lines).encode()


def _stems(word: str) -> Iterable[tuple[str, tuple[str, ...] | None, bool]]:
    """What stands in a text for a word, each with what must follow it (``None``: anything may), and whether it
    must stand as it is written: ださ of くださいました is not ダサい."""
    stem, ending = word[:-1], word[-1]
    yield word, None, bool(_KATAKANA.search(stem)) and hiragana(ending) == ending
    if word.endswith("する") and len(word) > 2:
        yield word[:-2], _SURU, False
        return
    # short words in hiragana alone are nouns more often (さる)
    exact = len(stem) < 3 and not _HAN.search(stem)
    if exact and not _KATAKANA.search(stem):
        return
    if ending in GODAN:
        yield stem, tuple(GODAN[ending] if ending != "る" else {*GODAN[ending], *_ICHIDAN}), exact
    elif ending == "い":
        yield stem, tuple(_ADJECTIVE), exact


def _read(path: Path) -> Sequence[Entry]:
    return [
        _entry(line, f"{path} の {number} 行目", path, number)
        for number, line in enumerate(_lines(path), start=1)
        if line.strip() and not line.startswith("#")
    ]


def _lines(path: Path) -> list[str]:
    return read_lines(path, "辞書のファイル", MAX_BYTES)


def _entry(line: str, where: str, path: Path, number: int) -> Entry:
    word, tab, written = line.partition("\t")
    try:
        tags = parse_tags(written)
    except ValueError as error:
        raise UserError(
            f"{where}: タグとして読めません: {error}",
            _TAGS_HINT,
            code="dictionary-line",
            path=path,
            line=number,
        ) from None
    if not tab or not word.strip() or not tags:
        missing = (
            "タブがありません" if not tab else "言葉がありません" if not word.strip() else "タグがありません"
        )
        raise UserError(f"{where}: {missing}。", _LINE_HINT, code="dictionary-line", path=path, line=number)
    return Entry(word.strip(), tags, where)
