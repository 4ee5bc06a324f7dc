"""The lexicon: words of Japanese, how they are spelled, and the tags they stand for.

The files are tab-separated text that a signer can open in a spreadsheet; every complaint names the file
and the line. See ``assets/lexicon`` and docs/corpus.md for what the columns mean.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

from ..data.formats.format import not_read, read_lines
from ..errors import UserError
from ..io.files import require_reachable
from .conjugation import ADJECTIVE_CLASSES, VERB_CLASSES, check_base

_LARGEST = 1 << 26
"""Bytes of a lexicon's file."""

OTHER_CLASSES = ("名", "時", "曜日", "季節", "代", "連体", "副", "定型", "接続", "助数", "名前")
CLASSES = (*VERB_CLASSES, *ADJECTIVE_CLASSES, *OTHER_CLASSES)
_COLUMNS = 7
_SHARES = {"?": 0.3, "~": 0.8}
_HINT = "列は「タグ・表記・かな・品詞・意味・格・否定」の七つで、タブで区切ります。"


@dataclass(frozen=True)
class Case:
    """One noun a predicate takes: its particle and the classes of noun that make sense there.

    ``share`` is how often it is said: always, mostly (``を~:``) or now and then (``を?:``).
    """

    particle: str
    classes: tuple[str, ...]
    share: float = 1.0


@dataclass(frozen=True, eq=False)
class Word:
    """One row of the lexicon; two rows are two words even when they say the same.

    Attributes:
        tags: the tags it stands for, in order; empty when it is not signed.
        spellings: ways to write it, the usual one first.
        kana: ways to write it in kana alone; empty when that would be ambiguous.
        word_class: one of CLASSES.
        senses: semantic classes.
        cases: what the predicate combines with.
        negative: tags of the negated word where they are not composed; empty otherwise.
        needs_context: another word has the same kana and other tags.
        where: file and line, for messages.
        note: the raw 格 column (counters keep their range there).
    """

    tags: tuple[str, ...]
    spellings: tuple[str, ...]
    kana: tuple[str, ...]
    word_class: str
    senses: frozenset[str]
    cases: tuple[Case, ...] = ()
    negative: tuple[str, ...] = ()
    needs_context: bool = False
    where: str = ""
    note: str = ""
    key: str = ""

    def case(self, particle: str) -> Case | None:
        """The case with this particle, or None."""
        return next((case for case in self.cases if case.particle == particle), None)


@dataclass(frozen=True)
class Lexicon:
    """All words, with the tags that grammar rules may write themselves."""

    words: tuple[Word, ...]
    function_tags: frozenset[str]
    classes: dict[str, tuple[str, ...]]

    @property
    def tags(self) -> tuple[str, ...]:
        """Every tag of the lexicon, sorted; fingerspelling excluded."""
        found = set(self.function_tags)
        for word in self.words:
            if word.word_class != "名前":
                found.update(word.tags)
                found.update(word.negative)
        return tuple(sorted(found))

    def nouns(self, classes: Iterable[str]) -> tuple[Word, ...]:
        """Nouns in any of the classes (or named outright by a spelling), in file order."""
        wanted: set[str] = set()
        queue = list(classes)
        while queue:
            name = queue.pop()
            if name not in wanted:
                wanted.add(name)
                queue += self.classes.get(name, ())
        places = {place for name in wanted for place in self._places.get(name, ())}
        return tuple(self.words[place] for place in sorted(places))

    @cached_property
    def _places(self) -> dict[str, list[int]]:
        """Sense or spelling of a noun -> where the nouns stand in ``words``."""
        places: dict[str, list[int]] = {}
        for place, word in enumerate(self.words):
            if word.word_class == "名":
                for name in {*word.senses, *word.spellings}:
                    places.setdefault(name, []).append(place)
        return places


def read_lexicon(path: Path | None = None) -> Lexicon:
    """The packaged lexicon; with ``path``, a folder in its place or a file of rows added to it.

    Raises:
        UserError: a file is missing or a row cannot be understood; names file and line.
    """
    packaged = resources.files("jsl_seq2seq") / "assets" / "lexicon"
    folder: Traversable = packaged
    extra: list[tuple[str, list[str]]] = []
    if path is not None:
        require_reachable(path)
        if path.is_dir():
            folder = path
        else:
            extra.append((str(path), _read(path)))
    try:
        entries = sorted(folder.iterdir(), key=lambda entry: entry.name)
    except OSError as error:
        raise not_read(Path(str(folder)), error, "語彙のフォルダー") from None
    files = [(entry.name, _read(entry)) for entry in entries if entry.name.endswith(".tsv")]
    if not files:
        raise UserError(
            f"語彙のファイル（.tsv）がありません: {folder}",
            "語彙のフォルダーを確かめてください。",
            code="lexicon-missing",
            path=folder,
        )
    words: list[Word] = []
    functions: set[str] = set()
    classes: dict[str, tuple[str, ...]] = {}
    for name, lines in files + extra:
        for number, cells in _rows(lines):
            where = f"{name} の {number} 行目"
            if name == "functions.tsv":
                functions.add(_two(cells, where)[0])
            elif name == "classes.tsv":
                left, right = _two(cells, where)
                classes[left] = tuple(right.split(","))
            else:
                words.append(_word(cells, where))
    lexicon = Lexicon(tuple(_without_homographs(words)), frozenset(functions), classes)
    _check_cases(lexicon)
    return lexicon


def _read(source: Traversable) -> list[str]:
    if isinstance(source, Path):
        return read_lines(source, "語彙のファイル", _LARGEST)
    return source.read_text(encoding="utf-8-sig").splitlines()  # of the package, which may lie in an archive


def _rows(lines: Iterable[str]) -> Iterable[tuple[int, list[str]]]:
    for number, line in enumerate(lines, start=1):
        if line.strip() and not line.startswith("#"):
            yield number, [cell.strip() for cell in line.split("\t")]


def _two(cells: list[str], where: str) -> tuple[str, str]:
    if len(cells) != 2 or not all(cells):
        raise UserError(
            f"{where}: 列が二つありません。",
            "「名前<TAB>説明」の形にしてください。",
            code="lexicon-invalid",
            where=where,
        )
    return cells[0], cells[1]


def _word(cells: list[str], where: str) -> Word:
    if len(cells) != _COLUMNS or not all(cells):
        raise UserError(
            f"{where}: 列の数が {len(cells)} です（または空の列があります）。",
            _HINT,
            code="lexicon-invalid",
            where=where,
        )
    tag, spelling, kana, word_class, senses, frame, negative = cells
    if word_class not in CLASSES:
        raise UserError(
            f"{where}: 品詞「{word_class}」が分かりません。",
            f"使えるもの: {'・'.join(CLASSES)}",
            code="lexicon-invalid",
            where=where,
        )
    if any(character in tag for character in "<>"):
        raise UserError(
            f"{where}: タグ「{tag}」に < > は書けません。",
            "括弧なしで書いてください（例: 食べる）。",
            code="lexicon-invalid",
            where=where,
        )
    spellings = tuple(spelling.split("|")) if word_class != "サ変" else tuple(_stem(spelling))
    readings = () if kana == "-" else tuple(_stem(kana) if word_class == "サ変" else kana.split("|"))
    for base in (*spellings, *(reading.rstrip("!") for reading in readings)):
        problem = check_base(base, word_class)
        if problem or (not base and word_class != "サ変"):
            raise UserError(
                f"{where}: {problem or '表記が空です。'}",
                "表記か品詞を直してください。",
                code="lexicon-invalid",
                where=where,
            )
    return Word(
        tags=() if tag == "-" else tuple(tag.split()),
        spellings=spellings,
        kana=readings,
        word_class=word_class,
        senses=frozenset() if senses == "-" else frozenset(senses.split(",")),
        cases=_cases(frame, where) if word_class in VERB_CLASSES + ADJECTIVE_CLASSES else (),
        negative=() if negative == "-" else tuple(negative.split()),
        where=where,
        note=frame,
        key=f"{word_class}:{tag}:{spelling}:{where}",
    )


def _stem(text: str) -> list[str]:
    """サ変 rows may be written with or without する; する alone has an empty stem."""
    return [
        part.removesuffix("!").removesuffix("する") + ("!" if part.endswith("!") else "")
        for part in text.split("|")
    ]


def _cases(frame: str, where: str) -> tuple[Case, ...]:
    if frame == "-":
        return ()
    cases = []
    for part in frame.split():
        particle, colon, classes = part.partition(":")
        if not colon or not classes:
            raise UserError(
                f"{where}: 格「{part}」が読めません。",
                "「を:食べ物,飲み物」のように書いてください。",
                code="lexicon-invalid",
                where=where,
            )
        share = _SHARES.get(particle[-1], 1.0)
        cases.append(Case(particle.rstrip("?~"), tuple(classes.split(",")), share))
    return tuple(cases)


def _without_homographs(words: list[Word]) -> Iterable[Word]:
    """Drop the kana spelling of words that sound alike and have different tags.

    One sentence must have one translation: はし is 橋 or 箸. A trailing ``!`` in the file says that the
    context decides (the noun beside it), and keeps the kana.
    """
    sounds: dict[str, set[tuple[str, ...]]] = {}
    for word in words:
        if word.word_class != "名前":
            for reading in word.kana:
                sounds.setdefault(reading.rstrip("!"), set()).add(word.tags)
    for word in words:
        kept = tuple(
            reading.rstrip("!")
            for reading in word.kana
            if reading.endswith("!") or word.word_class == "名前" or len(sounds[reading]) < 2
        )
        shared = any(len(sounds.get(reading, ())) > 1 for reading in kept)
        yield replace(word, kana=kept, needs_context=shared)


def _check_cases(lexicon: Lexicon) -> None:
    known: set[str] = set(lexicon.classes)
    for word in lexicon.words:
        if word.word_class == "名":
            known |= word.senses
            known.update(word.spellings)
    for word in lexicon.words:
        for case in word.cases:
            for name in case.classes:
                if name not in known:
                    raise UserError(
                        f"{word.where}: 格「{case.particle}」の分類「{name}」に入る名詞がありません。",
                        "nouns.tsv の「意味」か classes.tsv に書いてください。",
                        code="lexicon-invalid",
                        where=word.where,
                    )
    for name, members in lexicon.classes.items():
        for member in members:
            if member not in known:
                raise UserError(
                    f"classes.tsv の分類「{name}」の「{member}」という名詞がありません。",
                    "nouns.tsv に足してください。",
                    code="lexicon-invalid",
                    where="classes.tsv",
                )
