"""The corpus that ships with the package keeps the rules it promises."""

from __future__ import annotations

import re

from jsl_seq2seq.data import SentencePair, read_starter_corpus

LISTED = """
朝 昼 夜 ありがとう お願い 挨拶
食べる 飲む 行く 来る 見る 聞く 言う 寝る 起きる 歩く 座る 立つ 読む 書く やる いる
家 学校 会社 医 駅 公 建物
私 あなた 彼 彼女 これ それ
悲しい 辛い 寒い 暑い 楽しい 怖い 面白い 厳しい
はい いいえ OK ダメ 分かる 分からない 何 なぜ 原因 どこ 場所 誰 何時 いくら
1 2 3 4 5 6 7 8 9 10 千 万 億
今 明日 昨日 来週 先週 月 日 週 年
"""
"""The original project's tags, by group."""
REFERENCE_TAGS = set(LISTED.split())
QUESTION_TAGS = {"何", "なぜ", "どこ", "誰", "何時", "いくら"}
PAIRS = read_starter_corpus().pairs


def test_enough_sentences_without_repetition_or_contradiction() -> None:
    assert len(PAIRS) >= 60
    assert len({pair.source for pair in PAIRS}) == len(PAIRS)
    assert read_starter_corpus().notes == ()


def test_required_sentences() -> None:
    assert {
        SentencePair("わたしはたべます", ("私", "食べる")),
        SentencePair("ありがとう", ("ありがとう",)),
        SentencePair("おはようございます", ("朝", "挨拶")),
    } <= set(PAIRS)


def test_all_reference_tags_and_no_others() -> None:
    assert {tag for pair in PAIRS for tag in pair.tags} == REFERENCE_TAGS
    assert len(REFERENCE_TAGS) == 79


def test_only_the_reference_characters() -> None:
    assert not [pair.source for pair in PAIRS if not re.fullmatch(r"[ぁ-んー。、！？ ]+", pair.source)]


def test_questions_are_wh_questions_with_the_question_word_at_the_end() -> None:
    questions = [pair for pair in PAIRS if re.search(r"(です|ます)か[。？]?$", pair.source)]
    assert questions
    for pair in questions:
        assert pair.tags[-1] in QUESTION_TAGS, pair
    for pair in PAIRS:
        assert not QUESTION_TAGS & set(pair.tags[:-1]), pair


def test_time_comes_first() -> None:
    times = {"今", "明日", "昨日", "来週", "先週"}
    assert not [pair for pair in PAIRS if times & set(pair.tags[1:])]
