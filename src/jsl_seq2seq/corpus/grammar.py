"""The rules: Japanese templates, the tags they stand for, and where the rule comes from.

Three kinds of entry, all in ``assets/grammar/*.toml``:

``[[rule]]``    how a symbol (文, 節, 時, ...) is written and which tags it has: a synchronous grammar.
``[[ending]]``  how a predicate may end (否定, 可能, 完了, ...), per word class and style.
``[particles]`` how the nouns a predicate takes are marked in writing.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from ..errors import UserError
from .lexicon import Lexicon
from .template import Node, Slot, parse_template, slot_names

STYLES = {
    "丁寧": ("polite", "polite_past"),
    "普通": ("plain", "plain_past"),
    "接続": ("bare", "plain_past"),
    "な": ("prenominal", "plain_past"),
    "連体": ("adnominal", "plain_past"),
    "て": ("te", "te"),
    "たら": ("tara", "tara"),
    "ば": ("ba", "ba"),
}
"""Style of a clause -> the key of the ending's forms when it is not past, and when it is."""

_FALLBACK = {"bare": "plain", "prenominal": "plain", "adnominal": "plain"}
_FORM_KEYS = (
    "polite",
    "polite_past",
    "plain",
    "plain_past",
    "bare",
    "prenominal",
    "adnominal",
    "te",
    "tara",
    "ba",
)
_RULE_KEYS = ("id", "symbol", "phenomenon", "explanation", "source", "japanese", "tags", "pairs", "head", "endings",
              "weight", "tense", "subject")  # fmt: skip
_ENDING_KEYS = ("id", "for", "phenomenon", "explanation", "source", "tags", "weight", "requires", "excludes", "adverb",
                "adverb_class", "subject", "object", "embed", "question", "time", *_FORM_KEYS)  # fmt: skip

TagTemplate = tuple[str | Slot, ...]


@dataclass(frozen=True)
class Rule:
    """One production of a symbol.

    Attributes:
        id: unique; in messages, and in the pattern of a sentence.
        symbol: what it writes: 文, 節, 時, ...
        phenomenon, explanation, source: what it is an example of, what that is, and where that is published; empty for
            a rule that only helps others.
        pairs: (Japanese template, tag template), of which one is drawn.
        head: conditions on the predicate, by name (種類, 格, 意味, ...); ``None`` if the rule has no predicate.
        endings: ids of the endings that the predicate may have; all of those with a weight if empty.
        weight: how often it is drawn among the rules of its symbol.
        tense: 過去 or 非過去 if it is for one of them alone; else empty.
        subject: 一人称, 二人称, 三人称 or なし if the subject must be that; else empty.
        where: file and line, for messages.
    """

    id: str
    symbol: str
    phenomenon: str
    explanation: str
    source: str
    pairs: tuple[tuple[tuple[Node, ...], TagTemplate], ...]
    head: Mapping[str, tuple[str, ...]] | None
    endings: tuple[str, ...]
    weight: float
    tense: str
    subject: str
    where: str


@dataclass(frozen=True)
class Ending:
    """One way a predicate may end.

    Attributes:
        word_classes: of the predicates that may end so, or 動詞, 形容詞, ... for several.
        tags: with ``{語}`` for the predicate's own tags, and ``{否}`` for those of its negation.
        forms: its templates by key of :data:`STYLES`.
        weight: how often it is drawn; 0 for never, unless a rule names it.
        requires, excludes: senses of which the predicate must have one, and may have none.
        adverbs: templates of the adverbs of which one must stand in the clause (もう, まだ).
        adverb_class: class of the adverbs that stand with it now and then; empty for none of its own.
        subject: as in :class:`Rule`.
        object: the particle (a key of :attr:`Grammar.particles`) of the object instead of を; empty for を.
        embed: whether it may stand in a clause inside of another.
        question: whether it may stand in a question.
        time: whether a word of time may stand in its clause.
        where: file and line, for messages.
    """

    id: str
    word_classes: tuple[str, ...]
    phenomenon: str
    explanation: str
    source: str
    tags: TagTemplate
    forms: Mapping[str, tuple[tuple[Node, ...], ...]]
    weight: float
    requires: tuple[str, ...]
    excludes: tuple[str, ...]
    adverbs: tuple[tuple[Node, ...], ...]
    adverb_class: str
    subject: str
    object: str
    embed: bool
    question: bool
    time: bool
    where: str

    def written(self, style: str, past: bool) -> tuple[tuple[Node, ...], ...]:
        """The templates for a style and tense; empty when the ending has none."""
        key = STYLES[style][past]
        return self.forms.get(key) or self.forms.get(_FALLBACK.get(key, ""), ())


@dataclass(frozen=True)
class Grammar:
    """All rules, by symbol, with endings and particles.

    Attributes:
        particles: how each particle is written: texts, each with its tags and its weight.
    """

    rules: Mapping[str, tuple[Rule, ...]]
    endings: tuple[Ending, ...]
    particles: Mapping[str, tuple[tuple[str, tuple[str, ...], float], ...]]

    @property
    def phenomena(self) -> tuple[str, ...]:
        """Names of all phenomena, sorted."""
        names = {rule.phenomenon for rules in self.rules.values() for rule in rules}
        return tuple(sorted((names | {ending.phenomenon for ending in self.endings}) - {""}))


def read_grammar(lexicon: Lexicon, folder: Path | None = None) -> Grammar:
    """The packaged grammar, or the ``*.toml`` of a folder.

    Raises:
        UserError: a file cannot be read, a template is broken, a tag is not in the lexicon or a symbol is
            not defined; names file and line.
    """
    source: Traversable = folder or resources.files("jsl_seq2seq") / "assets" / "grammar"
    rules: list[Rule] = []
    endings: list[Ending] = []
    particles: dict[str, tuple[tuple[str, tuple[str, ...], float], ...]] = {}
    names = sorted(
        (entry for entry in source.iterdir() if entry.name.endswith(".toml")), key=lambda e: e.name
    )
    if not names:
        raise UserError(
            f"文法のファイル（.toml）がありません: {source}",
            "文法のフォルダーを確かめてください。",
            code="grammar-missing",
            path=source,
        )
    for entry in names:
        text, table = _load(entry)
        for raw in table.pop("rule", []):
            where = _where(entry.name, text, raw)
            _check_keys(raw, _RULE_KEYS, where)
            rules.append(_rule(raw, where))
        for raw in table.pop("ending", []):
            where = _where(entry.name, text, raw)
            _check_keys(raw, _ENDING_KEYS, where)
            endings.append(_ending(raw, where))
        for particle, options in table.pop("particles", {}).items():
            particles[particle] = tuple(
                (text, tuple(tags.split()), float(weight)) for text, tags, weight in options
            )
        if table:
            raise UserError(
                f"{entry.name}: 知らない項目「{next(iter(table))}」があります。",
                "rule、ending、particles を使えます。",
                code="grammar-invalid",
                where=entry.name,
            )
    by_symbol: dict[str, tuple[Rule, ...]] = {}
    for rule in rules:
        by_symbol[rule.symbol] = (*by_symbol.get(rule.symbol, ()), rule)
    grammar = Grammar(by_symbol, tuple(endings), particles)
    _check(grammar, lexicon)
    return grammar


def _load(entry: Traversable) -> tuple[str, dict[str, Any]]:
    try:
        text = entry.read_text(encoding="utf-8")
        return text, tomllib.loads(text)
    except UnicodeDecodeError:
        raise UserError(
            f"{entry.name} が UTF-8 ではありません。",
            "UTF-8 で保存し直してください。",
            code="grammar-invalid",
            where=entry.name,
        ) from None
    except tomllib.TOMLDecodeError as error:
        raise UserError(
            f"{entry.name} の書き方に誤りがあります: {error}",
            "引用符と括弧の閉じ忘れを確かめてください。",
            code="grammar-invalid",
            where=entry.name,
        ) from None


def _where(name: str, text: str, raw: Mapping[str, Any]) -> str:
    identifier = raw.get("id", "")
    marker = f'id = "{identifier}"'
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip() == marker:
            return f"{name} の {number} 行目（{identifier}）"
    return f"{name}（{identifier or 'id のない項目'}）"


def _check_keys(raw: Mapping[str, Any], allowed: tuple[str, ...], where: str) -> None:
    if "id" not in raw:
        raise UserError(
            f"{where}: id がありません。",
            "どの規則にも id を付けてください。",
            code="grammar-invalid",
            where=where,
        )
    for key in raw:
        if key not in allowed:
            raise UserError(
                f"{where}: 知らない項目「{key}」があります。",
                f"使えるもの: {'・'.join(allowed)}",
                code="grammar-invalid",
                where=where,
            )


def _rule(raw: Mapping[str, Any], where: str) -> Rule:
    if "symbol" not in raw or not ("pairs" in raw or ("japanese" in raw and "tags" in raw)):
        raise UserError(
            f"{where}: symbol と、japanese と tags（または pairs）が必要です。",
            "",
            code="grammar-invalid",
            where=where,
        )
    written = raw.get("pairs") or [[japanese, raw["tags"]] for japanese in raw["japanese"]]
    pairs = tuple((parse_template(japanese, where), _tags(tags)) for japanese, tags in written)
    everywhere = {name for nodes, _ in pairs for name in slot_names(nodes)}
    for nodes, tags in pairs:
        # One tag template may serve several sentences, some of which leave a slot out.
        names = set(slot_names(nodes)) if "pairs" in raw else everywhere
        for tag in tags:
            if isinstance(tag, Slot) and tag.name not in names:
                raise UserError(
                    f"{where}: タグの {{{tag.name}}} が日本語の側にありません。",
                    "両方に同じ名前を書いてください。",
                    code="grammar-invalid",
                    where=where,
                )
    return Rule(
        id=raw["id"],
        symbol=raw["symbol"],
        phenomenon=raw.get("phenomenon", ""),
        explanation=raw.get("explanation", ""),
        source=raw.get("source", ""),
        pairs=pairs,
        head=_head(raw["head"], where) if "head" in raw else None,
        endings=tuple(raw.get("endings", ())),
        weight=float(raw.get("weight", 1)),
        tense=raw.get("tense", ""),
        subject=raw.get("subject", ""),
        where=where,
    )


def _head(text: str, where: str) -> dict[str, tuple[str, ...]]:
    """「動詞 格:を 意味:動作 除:状態」"""
    kind, *conditions = text.split()
    head: dict[str, tuple[str, ...]] = {"種類": (kind,)}
    for condition in conditions:
        name, colon, values = condition.partition(":")
        if not colon or name not in ("格", "意味", "除", "語", "格なし", "格分類"):
            raise UserError(
                f"{where}: head の「{condition}」が読めません。",
                "格: 意味: 除: 語: 格なし: 格分類: を使えます。",
                code="grammar-invalid",
                where=where,
            )
        head[name] = tuple(values.split(","))
    return head


def _ending(raw: Mapping[str, Any], where: str) -> Ending:
    if not all(key in raw for key in ("for", "phenomenon", "explanation", "source", "tags")):
        raise UserError(
            f"{where}: for・phenomenon・explanation・source・tags が必要です。",
            "",
            code="grammar-invalid",
            where=where,
        )
    return Ending(
        id=raw["id"],
        word_classes=tuple(raw["for"]),
        phenomenon=raw["phenomenon"],
        explanation=raw["explanation"],
        source=raw["source"],
        tags=_tags(raw["tags"]),
        forms={
            key: tuple(parse_template(text, where) for text in raw[key]) for key in _FORM_KEYS if key in raw
        },
        weight=float(raw.get("weight", 1)),
        requires=tuple(raw.get("requires", ())),
        excludes=tuple(raw.get("excludes", ())),
        adverbs=tuple(parse_template(text, where) for text in raw.get("adverb", ())),
        adverb_class=raw.get("adverb_class", ""),
        subject=raw.get("subject", ""),
        object=raw.get("object", ""),
        embed=bool(raw.get("embed", True)),
        question=bool(raw.get("question", True)),
        time=bool(raw.get("time", True)),
        where=where,
    )


def _tags(text: str) -> TagTemplate:
    return tuple(
        Slot(part[1:-1]) if part.startswith("{") and part.endswith("}") else part for part in text.split()
    )


def _check(grammar: Grammar, lexicon: Lexicon) -> None:
    known = set(lexicon.tags)
    written = [
        (rule.where, tags) for rules in grammar.rules.values() for rule in rules for _, tags in rule.pairs
    ]
    written += [(ending.where, ending.tags) for ending in grammar.endings]
    for where, tags in written:
        for tag in tags:
            if isinstance(tag, str) and tag not in known:
                raise UserError(
                    f"{where}: タグ「{tag}」が語彙にありません。",
                    "functions.tsv に説明とともに足してください。",
                    code="grammar-invalid",
                    where=where,
                )
    for rules in grammar.rules.values():
        for rule in rules:
            if rule.phenomenon and not (rule.source and rule.explanation):
                raise UserError(
                    f"{rule.where}: source か explanation がありません。",
                    "どの現象にも出典と説明を書いてください。",
                    code="grammar-invalid",
                    where=rule.where,
                )
