"""The rule files: every rule explains itself, and a broken one is named with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from jsl_seq2seq.corpus import read_grammar, read_lexicon
from jsl_seq2seq.corpus.template import Choice, Literal, Slot, parse_template
from jsl_seq2seq.errors import UserError

RULE = """
[[rule]]
id = "x"
symbol = "文"
phenomenon = "p"
explanation = "説明"
source = "出典"
japanese = ["{名.動物}です"]
tags = "{名.動物}"
"""


def test_every_phenomenon_is_explained_and_cited() -> None:
    grammar = read_grammar(read_lexicon())
    assert len(grammar.phenomena) >= 50
    for ending in grammar.endings:
        assert ending.explanation and ending.source, ending.id
    for rules in grammar.rules.values():
        for rule in rules:
            assert not rule.phenomenon or (rule.explanation and rule.source), rule.id


def test_rule_ids_are_unique() -> None:
    grammar = read_grammar(read_lexicon())
    ids = [rule.id for rules in grammar.rules.values() for rule in rules]
    assert len(ids) == len(set(ids))
    ending_ids = [ending.id for ending in grammar.endings]
    assert len(ending_ids) == len(set(ending_ids))


def test_rules_name_endings_that_exist() -> None:
    grammar = read_grammar(read_lexicon())
    known = {ending.id for ending in grammar.endings}
    for rules in grammar.rules.values():
        for rule in rules:
            assert set(rule.endings) <= known, rule.where


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (('"{名.動物}です"', '"{名.動物です"'), ("a.toml の 3 行目", "{")),
        (('"{名.動物}です"', '"[{名.動物}です"'), ("a.toml の 3 行目", "]")),
        (('"{名.動物}です"', '"{名.動物})です"'), ("a.toml の 3 行目", ")")),
        (('"{名.動物}です"', '"{}です"'), ("a.toml の 3 行目", "空")),
        (('tags = "{名.動物}"', 'tags = "{名.人}"'), ("a.toml の 3 行目", "名.人")),
        (('tags = "{名.動物}"', 'tags = "{名.動物} 存在しない"'), ("a.toml の 3 行目", "存在しない")),
        (('source = "出典"', ""), ("a.toml の 3 行目", "source")),
        (('source = "出典"', 'sauce = "出典"'), ("a.toml の 3 行目", "sauce")),
        (('id = "x"', ""), ("a.toml", "id")),
        (('symbol = "文"', ""), ("a.toml の 3 行目", "symbol")),
        (('id = "x"', 'id = "x"\nhead = "動詞 品:を"'), ("a.toml の 3 行目", "品:を")),
        (('id = "x"', "id = x"), ("a.toml", "line 3")),
        (("[[rule]]", "[[rules]]"), ("a.toml", "rules")),
    ],
)
def test_broken_rules_are_named(tmp_path: Path, change: tuple[str, str], words: tuple[str, ...]) -> None:
    (tmp_path / "a.toml").write_text(RULE.replace(*change), encoding="utf-8")
    with pytest.raises(UserError) as caught:
        read_grammar(read_lexicon(), tmp_path)
    for word in words:
        assert word in caught.value.what


def test_no_rules(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"\.toml"):
        read_grammar(read_lexicon(), tmp_path)


def test_templates() -> None:
    nodes = parse_template("[{主}は]何時《なんじ》に(起|お)きる{述:丁寧,埋}", "here")
    assert isinstance(nodes[0], Choice)
    assert nodes[0].alternatives[0][0] == Slot("主")
    assert nodes[1] == Literal("何時に", "なんじに")
    assert nodes[-1] == Slot("述", ("丁寧", "埋"))
    assert parse_template("お｜手洗い《てあらい》", "here") == (Literal("お手洗い", "おてあらい"),)
