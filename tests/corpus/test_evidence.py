"""A word is recognized by its pieces in any conjugation, and by nothing else."""

from __future__ import annotations

import pytest

from jsl_seq2seq.corpus import Pair, read_lexicon
from jsl_seq2seq.corpus.evidence import covered, evidence
from jsl_seq2seq.tokenize.normalize import hiragana, normalize

PIECES = evidence(read_lexicon())


@pytest.mark.parametrize(
    ("tag", "sentence", "there"),
    [
        ("食べる", "ご飯を食べなかった", True),
        ("食べる", "たべられません", True),
        ("行く", "学校へ行って", True),
        ("行く", "学校が好き", False),
        ("高い", "高くない", True),
        ("コンビニ", "こんびに", True),
        ("勉強", "勉強しました", True),
        ("果物", "検査の結果", False),
        ("犬", "猫がいる", False),
        ("これ", "こんな時間に食べたら太る", True),
        ("私たち", "我々は石油が不足する", True),
        ("決まる", "転勤することになりました", True),
        ("方法", "どうやって行くの", True),
        ("火曜日", "9/11(火)に行く", True),
        ("分", "10:30に来る", True),
        ("行く", "どちらへいらっしゃいますか", True),
        ("10", "25人", True),
        ("2", "ふたりで行く", True),
        ("百", "さんびゃくえん", True),
        ("百", "ごえん", False),
        ("3", "5月", False),
    ],
)
def test_pieces_of_a_tag(tag: str, sentence: str, there: bool) -> None:
    text = hiragana(normalize(sentence))
    assert any(hiragana(piece) in text for piece in PIECES[tag]) == there


def test_of_the_tags_that_rules_write_only_numbers_need_evidence() -> None:
    assert PIECES.keys() & read_lexicon().function_tags <= set("0123456789百千万億") | {"10"}


def test_generated_sentences_are_covered(generated: list[Pair]) -> None:
    pairs = [(normalize(pair.source), pair.tags) for pair in generated[:3000]]
    found = covered(PIECES, pairs)
    uses = [(source, tag) for source, tags in pairs for tag in set(tags) if tag in found]
    missing = [
        (tag, source) for source, tag in uses if not any(piece in hiragana(source) for piece in found[tag])
    ]
    assert len(missing) < 0.001 * len(uses)
    used = {tag for _, tags in pairs for tag in tags} & PIECES.keys()
    assert len(used & found.keys()) > 0.99 * len(used)


def test_a_tag_that_stands_for_other_words_too_is_left_out() -> None:
    found = covered({"これ": ["これ"], "犬": ["犬"]}, [("こんな犬", ("これ", "犬")), ("これ", ("これ",))])
    assert found == {"犬": ["犬"]}
