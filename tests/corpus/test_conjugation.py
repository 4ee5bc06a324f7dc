"""Conjugation against forms written out by hand."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jsl_seq2seq.corpus.conjugation import ADJECTIVE_FORMS, VERB_FORMS, conjugate
from jsl_seq2seq.corpus.lexicon import read_lexicon
from jsl_seq2seq.errors import UserError

VERBS = {
    # base, class: 連用 未然 て た たら ば 意向 命令 可能 ちゃ
    ("食べる", "一段"): "食べ 食べ 食べて 食べた 食べたら 食べれば 食べよう 食べろ 食べられ 食べちゃ",
    ("みる", "一段"): "み み みて みた みたら みれば みよう みろ みられ みちゃ",
    ("買う", "五段"): "買い 買わ 買って 買った 買ったら 買えば 買おう 買え 買え 買っちゃ",
    ("書く", "五段"): "書き 書か 書いて 書いた 書いたら 書けば 書こう 書け 書け 書いちゃ",
    ("泳ぐ", "五段"): "泳ぎ 泳が 泳いで 泳いだ 泳いだら 泳げば 泳ごう 泳げ 泳げ 泳いじゃ",
    ("話す", "五段"): "話し 話さ 話して 話した 話したら 話せば 話そう 話せ 話せ 話しちゃ",
    ("待つ", "五段"): "待ち 待た 待って 待った 待ったら 待てば 待とう 待て 待て 待っちゃ",
    ("死ぬ", "五段"): "死に 死な 死んで 死んだ 死んだら 死ねば 死のう 死ね 死ね 死んじゃ",
    ("遊ぶ", "五段"): "遊び 遊ば 遊んで 遊んだ 遊んだら 遊べば 遊ぼう 遊べ 遊べ 遊んじゃ",
    ("飲む", "五段"): "飲み 飲ま 飲んで 飲んだ 飲んだら 飲めば 飲もう 飲め 飲め 飲んじゃ",
    ("帰る", "五段"): "帰り 帰ら 帰って 帰った 帰ったら 帰れば 帰ろう 帰れ 帰れ 帰っちゃ",
    ("行く", "五段"): "行き 行か 行って 行った 行ったら 行けば 行こう 行け 行け 行っちゃ",
    ("もっていく", "五段"): "もっていき もっていか もっていって もっていった もっていったら もっていけば "
    "もっていこう もっていけ もっていけ もっていっちゃ",
    (
        "勉強",
        "サ変",
    ): "勉強し 勉強し 勉強して 勉強した 勉強したら 勉強すれば 勉強しよう 勉強しろ 勉強でき 勉強しちゃ",
    ("", "サ変"): "し し して した したら すれば しよう しろ でき しちゃ",
    ("来る", "カ変"): "来 来 来て 来た 来たら 来れば 来よう 来い 来られ 来ちゃ",
    ("くる", "カ変"): "き こ きて きた きたら くれば こよう こい こられ きちゃ",
}
COLUMNS = ("連用", "未然", "て", "た", "たら", "ば", "意向", "命令", "可能", "ちゃ")


@pytest.mark.parametrize(("base", "word_class"), VERBS)
def test_verbs(base: str, word_class: str) -> None:
    forms = [conjugate(base, word_class, form) for form in COLUMNS]
    assert forms == VERBS[base, word_class].split()


def test_dictionary_forms() -> None:
    assert conjugate("食べる", "一段", "辞書") == "食べる"
    assert conjugate("勉強", "サ変", "辞書") == "勉強する"
    assert conjugate("持ってくる", "カ変", "て") == "持ってきて"


def test_the_negative_of_aru_is_nai() -> None:
    assert conjugate("ある", "五段", "未然") + "ない" == "ない"
    assert conjugate("ある", "五段", "連用") + "ません" == "ありません"


def test_honorific_verbs_have_an_i_before_masu() -> None:
    assert conjugate("くださる", "五段", "連用") + "ます" == "くださいます"


def test_going_to_do_something() -> None:
    assert conjugate("買い物", "サ変", "目的") + "に行く" == "買い物に行く"
    assert conjugate("飲む", "五段", "目的") + "に行く" == "飲みに行く"


def test_the_colloquial_potential_drops_ra() -> None:
    assert conjugate("食べる", "一段", "可能略") + "る" == "食べれる"
    assert conjugate("くる", "カ変", "可能略") + "る" == "これる"


@pytest.mark.parametrize(
    ("base", "word_class", "passive", "causative"),
    [
        ("褒める", "一段", "褒められ", "褒めさせ"),
        ("頼む", "五段", "頼まれ", "頼ませ"),
        ("盗む", "五段", "盗まれ", "盗ませ"),
        ("言う", "五段", "言われ", "言わせ"),
        ("招待", "サ変", "招待され", "招待させ"),
        ("", "サ変", "され", "させ"),
        ("来る", "カ変", "来られ", "来させ"),
        ("くる", "カ変", "こられ", "こさせ"),
    ],
)
def test_passive_and_causative(base: str, word_class: str, passive: str, causative: str) -> None:
    assert conjugate(base, word_class, "受身") == passive
    assert conjugate(base, word_class, "使役") == causative


def test_doing_something_beforehand_is_shortened() -> None:
    assert conjugate("買う", "五段", "とく") + "く" == "買っとく"
    assert conjugate("読む", "五段", "とく") + "きます" == "読んどきます"


@pytest.mark.parametrize(
    ("base", "word_class", "look"),
    [
        ("おいしい", "イ形", "おいしそう"),
        ("いい", "良い形", "よさそう"),
        ("良い", "良い形", "良さそう"),
        ("元気", "ナ形", "元気そう"),
    ],
)
def test_how_something_looks(base: str, word_class: str, look: str) -> None:
    assert conjugate(base, word_class, "様子") == look


@pytest.mark.parametrize(
    ("base", "word_class", "stem", "attributive"),
    [
        ("高い", "イ形", "高", "高い"),
        ("いい", "良い形", "よ", "いい"),
        ("良い", "良い形", "良", "良い"),
        ("頭がいい", "良い形", "頭がよ", "頭がいい"),
        ("静か", "ナ形", "静か", "静かな"),
        ("同じ", "ナ形連", "同じ", "同じ"),
        ("学生", "名", "学生", "学生の"),
    ],
)
def test_adjectives(base: str, word_class: str, stem: str, attributive: str) -> None:
    assert conjugate(base, word_class, "語幹") == stem
    assert conjugate(base, word_class, "連体") == attributive


@pytest.mark.parametrize(
    ("base", "word_class", "form"),
    [
        ("食べる", "四段", "て"),
        ("食べる", "一段", "命"),
        ("高い", "イ形", "て"),
        ("食べ", "一段", "て"),
        ("赤", "イ形", "語幹"),
    ],
)
def test_what_cannot_be_conjugated_is_said(base: str, word_class: str, form: str) -> None:
    with pytest.raises(UserError):
        conjugate(base, word_class, form)


def test_every_word_of_the_lexicon_conjugates() -> None:
    for word in read_lexicon().words:
        forms = (
            VERB_FORMS
            if word.word_class in ("五段", "一段", "サ変", "カ変")
            else ADJECTIVE_FORMS
            if "形" in word.word_class and word.word_class != "定型"
            else ()
        )
        for base in (*word.spellings, *word.kana):
            for form in forms:
                conjugate(base, word.word_class, form)


@given(
    st.text("あいうえおかきくけこさしすせそ", min_size=1, max_size=4), st.sampled_from("うくぐすつぬぶむる")
)
def test_te_and_ta_agree(stem: str, ending: str) -> None:
    te, ta = conjugate(stem + ending, "五段", "て"), conjugate(stem + ending, "五段", "た")
    assert te[:-1] == ta[:-1]
    assert (te[-1], ta[-1]) in {("て", "た"), ("で", "だ")}
