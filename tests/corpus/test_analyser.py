"""The analyser: each convention of docs/corpus.md on sentences, word borders, spans, doubts, and any text at all."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib.util import find_spec

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jsl_seq2seq.corpus import analyser as module
from jsl_seq2seq.corpus.analyser import Analyser, label_lines
from jsl_seq2seq.errors import UserError

needs_sudachi = pytest.mark.skipif(
    find_spec("sudachipy") is None or find_spec("sudachidict_core") is None,
    reason="sudachipy and sudachidict_core are not installed (extra: corpus)",
)
_KEPT: list[Analyser] = []


@pytest.fixture(scope="module")
def analyser() -> Iterator[Analyser]:
    """One analyser for all tests: its dictionary takes a while to load."""
    yield _shared()


def _shared() -> Analyser:
    if not _KEPT:
        _KEPT.append(Analyser())
    return _KEPT[0]


RULES = {
    "everyday sentences": [
        ("昨日より今日のほうが寒いです", "昨日 より 今日 寒い"),
        ("気をつけて帰ってください", "注意 帰る お願い"),
        ("熱中症に気をつけて、水を飲んで", "熱中症 注意 水 飲む お願い"),
        ("工事中につき通れません", "工事中 ため 通る 無理"),
        ("それ、いくらしたの？", "それ いくら"),
        ("すごいことがあった", "凄い こと ある"),
        ("御社のサービス", "御社 サービス"),
        ("仕事辞めようかなと思ってる", "仕事 やめる 予定"),
        ("お客様のご迷惑になります", "客 迷惑 なる"),
        ("健康の大切さが分かりました", "健康 大切 分かる"),
        ("昔々、あるところに祖父がいました", "昔 ある 場所 祖父 いる"),
        ("少々お待ちくださいませ", "少し 待つ お願い"),
        ("荷物は何時ごろ届きますか", "荷物 届く 何時"),
        ("ありがとう、助かりました", "ありがとう 助かる"),
        ("日本の夏は暑い", "日本 夏 暑い"),
        ("去年の夏は暑かった", "去年 夏 暑い"),
    ],
    "settled with the grammar": [
        ("合格できるように勉強する", "合格 できる ように 勉強"),
        ("高ければ高いほど良い", "高い 場合 ほど 良い"),
        ("転勤することになりました", "転勤 決まる"),
        ("タバコをやめることにした", "たばこ やめる 決める"),
        ("早く寝るようにしている", "早く 寝る"),
        ("今着いたばかりです", "今 着く ばかり"),
        ("ゲームばかりしています", "ゲーム ばかり やる"),
        ("電気をつけたまま寝る", "電気 つける まま 寝る"),
        ("彼は来るはずです", "彼 来る はず"),
        ("3番目の駅", "3 番 駅"),
        ("教科書の66ページを開いて", "教科書 6 10 6 ページ 開く お願い"),
        ("おばあちゃん、80歳になるんだって。", "祖母 8 10 年齢 なる らしい"),
        ("すみませんが、駅はどこですか", "すみません 駅 場所 何"),
        ("申し訳ありませんが、品切れです", "すみません しかし 品切れ"),
        ("実は明日は休みです", "実は 明日 休み"),
        ("ラジオによると明日は雨です", "ラジオ 明日 雨"),
        ("電気がつかない", "電気 つける ない"),
        ("道に迷いました", "道 迷う"),
        ("コーヒーにします", "コーヒー 決める"),
        ("肉まんにしますか、それとも天丼にしますか", "肉まん または 天丼 どちら"),
        ("心よりお礼申し上げます", "心 より お礼 言う"),
        ("あらゆる問題", "全部 問題"),
        ("言いたいことがある", "言う たい こと ある"),
        ("静かな所がある", "静か 場所 ある"),
        ("連絡してくれてありがとう", "連絡 くれる ありがとう"),
        ("連絡していただいてありがとう", "連絡 くれる ありがとう"),
        ("おいしいね、これ", "これ おいしい"),
        ("三週続けて上がる", "3 週 続ける 上がる"),
        ("先生は私に難しい質問をした", "先生 私 難しい 質問"),
        ("子供たちが遊んでいる", "子供 遊ぶ"),
        ("何もかも失った", "全部 失う"),
    ],
    "numbers in every writing": [
        ("午前09:03に来る", "午前 9 時 3 分 来る"),
        ("10時〜12時です", "10 時 から 10 2 時 まで"),
        ("9/11(火)に行く", "9 月 10 1 日 火曜日 行く"),
        ("湯のみは¥5,300です", "湯のみ 5 千 3 百 円"),
        ("2.0度です", "2 点 0 度"),
        ("080−1730−5628", "0 8 0 1 7 3 0 5 6 2 8"),
        ("住所は浅草24-22です", "住所 指文字:ア 指文字:サ 指文字:ク 指文字:サ 2 10 4 2 10 2"),
        ("4回も行った", "4 回 行く"),
        ("一年中暑い", "一年中 暑い"),
    ],
    "hesitation": [
        ("えっとー、駅はどこですか", "駅 場所 何"),
        ("あの...なんか...寒いです", "寒い"),
        ("行きたいんだけど...", "行く たい"),
        ("行くからね。", "行く"),
    ],
    "time first": [
        ("私は明日学校に行きます", "明日 私 学校 行く"),
        ("会議は10時から12時までです。", "会議 10 時 から 10 2 時 まで"),
        ("休みは月曜日です", "休み 月曜日"),
        ("この夏、海に行きました", "これ 夏 海 行く"),
        ("2時間後に来てください", "2 時間 後 来る お願い"),
        ("もうすぐ春になります", "もうすぐ 春 なる"),
    ],
    "questions": [
        ("どこに行きますか", "行く どこ"),
        ("駅はどこですか", "駅 場所 何"),
        ("トイレはどこにありますか？", "トイレ 場所 何"),
        ("何時から始まりますか", "始まる 何時 から"),
        ("どこに行くか知りません", "行く どこ 知らない"),
        ("彼が来るかどうか分かりません", "彼 来る ? 分からない"),
        ("これは現金ですか、カードですか", "これ 現金 カード どちら"),
        ("どうやって行くの？", "行く 方法 何"),
        ("会議は何時だっけ", "会議 何時"),
        ("雨が降るかな", "雨 降る だろう ?"),
        ("行くんじゃない？", "行く だろう ?"),
        ("誰も来ません", "誰も 来る ない"),
        ("なんて大きい犬だろう", "とても 大きい 犬 だろう"),
    ],
    "verb endings": [
        ("食べてもいいですか", "食べる かまわない ?"),
        ("ここで走ってはいけません", "ここ 走る ダメ"),
        ("読まなければなりませんでした", "読む 必要"),
        ("行かなきゃ", "行く 必要"),
        ("早く起きないと遅刻するよ！", "早く 起きる ない 場合 遅刻"),
        ("食べなくてもいいです", "食べる 必要 ない"),
        ("もう食べました", "食べる 終わる"),
        ("まだ来ていません", "来る まだ"),
        ("食べちゃった", "食べる 終わる"),
        ("買っときます", "買う"),
        ("漢字しか読めない", "漢字 だけ 読む できる"),
        ("行けません", "行く 無理"),
        ("行ったことがありません", "行く 経験 ない"),
        ("食べてみたいです", "食べる 試す たい"),
        ("手伝っていただけませんか", "手伝う お願い"),
        ("行かないでください", "行く ない お願い"),
        ("一緒に行きませんか", "一緒 行く しよう ?"),
        ("食べない？", "食べる しよう ?"),
        ("私のスマホ知らない？", "私 スマホ 知らない ?"),
        ("帰ろうと思います", "帰る 予定"),
        ("本を読んだり音楽を聞いたりします", "本 読む 音楽 聞く いろいろ"),
        ("先生に褒められました", "先生 褒める される"),
        ("母は妹にピアノを習わせました", "母 妹 ピアノ 習う させる"),
        ("字を書かされた", "字 書く させる される"),
        ("間に合いそうにない", "間に合う ない らしい"),
        ("食べるべきではない", "食べる ダメ"),
        ("行くことにしました", "行く 決める"),
        ("パンを買ってきてください", "パン 買う 来る お願い"),
        ("雨が降ってきた", "雨 降る"),
        ("飲み過ぎました", "飲む 過ぎる"),
        ("お待ちください", "待つ お願い"),
        ("保険証をお持ちですか", "保険証 持つ ?"),
        ("そこに行くな", "そこ 行く ダメ"),
        ("先生が来られました", "先生 来る"),
        ("今日はどうされましたか", "今日 どう"),
        ("食べたばかりです", "食べる ばかり"),
        ("今、駅に着いたところです", "今 駅 着く 終わる"),
        ("電車で行くしかない", "電車 だけ 行く"),
        ("荷物が届いたか気になる", "荷物 届く ? 気になる"),
        ("彼がやってきた", "彼 来る"),
        ("慣れてきました", "慣れる"),
    ],
    "nouns and adjectives": [
        ("暑くないです", "暑い 違う"),
        ("学生ではありません", "学生 違う"),
        ("寒くなりました", "寒い なる"),
        ("勉強をします", "勉強"),
        ("テニスをする", "テニス やる"),
        ("田中さんほど親切な人はいません", "指文字:タ 指文字:ナ 指文字:カ より 親切 人 いる ない"),
        ("りんごを3個買う", "りんご 3 買う"),
        ("子供たちが遊ぶ", "子供 遊ぶ"),
        ("世界中で人気があります", "世界 人気 ある"),
        ("授業中に寝る", "授業 中 寝る"),
        ("魚の食べ方を教えて", "魚 食べる 方法 教える お願い"),
        ("部屋をきれいにする", "部屋 きれい"),
        ("コーヒーにします", "コーヒー 決める"),
        ("鳥のように歌う", "鳥 同じ 歌う"),
    ],
    "clauses": [
        ("練習すればするほど上手になります", "練習 場合 ほど 上手 なる"),
        ("音楽を聞きながら料理をします", "音楽 聞く 同時 料理"),
        ("安ければ買いますが、高ければ買いません", "安い 場合 買う しかし 高い 場合 買う ない"),
        ("駅に着いてから電話します", "駅 着く 後 電話"),
        ("彼は「明日行く」と言いました", "彼 明日 行く 言う"),
        ("行くのに一時間かかる", "行く ため 1 時間 かかる"),
        ("雨なのに出かけた", "雨 しかし 出かける"),
        ("雨にもかかわらず学校へ行った", "雨 しかし 学校 行く"),
        ("申し訳ございませんが、休みです", "すみません しかし 休み"),
        ("いつまでに申請すればいいですか", "申請 場合 良い いつ まで"),
        ("大学に合格できるように、毎日勉強している", "大学 合格 できる ように 毎日 勉強"),
        ("明日来るんだって", "明日 来る らしい"),
        ("えっと、あの、すみません。駅はどこですか。", "すみません 駅 場所 何"),
        ("すみませんが、教えてください", "すみません 教える お願い"),
    ],
    "numbers": [
        ("12,345円です", "1 万 2 千 3 百 4 10 5 円"),
        ("１２３円", "百 2 10 3 円"),
        ("三千五百円です", "3 千 5 百 円"),
        ("二十人います", "2 10 人 いる"),
        ("10:30に来て", "10 時 3 10 分 来る お願い"),
        ("午後3時半に会う", "午後 3 時 半 会う"),
        ("2026年11月25日です", "2 千 2 10 6 年 10 1 月 2 10 5 日"),
        ("3/15に行きます", "3 月 10 5 日 行く"),
        ("50%です", "5 10 パーセント"),
        ("体重は3.5キロです", "体重 3 点 5 キロ"),
        ("03-1234-5678です", "0 3 1 2 3 4 5 6 7 8"),
        ("1億2000万人", "1 億 2 千 万 人"),
        ("2個で500円", "2 5 百 円"),
        ("100年前に建てられました", "百 年 前 建てる される"),
        ("2、3日休む", "2 3 日 休む"),
    ],
}
"""Tags without the mark of open words, because the lexicon grows."""


@needs_sudachi
@pytest.mark.parametrize(
    ("text", "tags"), [pytest.param(*row, id=row[0]) for rows in RULES.values() for row in rows]
)
def test_rules(analyser: Analyser, text: str, tags: str) -> None:
    assert " ".join(tag.lstrip("+") for tag in analyser.label(text).tags) == tags


@needs_sudachi
def test_words_outside_the_lexicon_are_open_and_in_dictionary_form(analyser: Analyser) -> None:
    assert analyser.label("市役所でマイナンバーカードを受け取りたいです").tags == (
        "市", "役所", "マイナンバーカード", "受け取る", "たい",
    )  # fmt: skip
    assert analyser.label("カピバラを蹴散らしたい").tags == ("+カピバラ", "+蹴散らす", "たい")
    assert analyser.label("東北新幹線").tags == ("指文字:ト", "指文字:ウ", "指文字:ホ", "指文字:ク", "新幹線")
    assert analyser.label("電車蹴散らした").line() == "<電車> <+蹴散らす>"


@needs_sudachi
def test_spans_are_places_of_the_text_as_written(analyser: Analyser) -> None:
    text = "ﾊﾞｽで、１２３円　払う"
    found = analyser.label(text)
    where = dict(zip(found.tags, found.spans, strict=True))
    assert text[slice(*where["バス"] or ())] == "ﾊﾞｽ"
    assert text[slice(*where["百"] or ())] == "１２３"
    assert text[slice(*where["払う"] or ())] == "払う"


@needs_sudachi
def test_doubts_say_why(analyser: Analyser) -> None:
    assert analyser.label("水を飲みます。").certain
    assert not analyser.label("").certain
    doubtful = analyser.label("写真をとるのは楽しい")
    assert not doubtful.certain and "同音" in doubtful.doubts[0]


@needs_sudachi
def test_lines_for_a_file() -> None:
    assert list(label_lines(["水を\t飲む", "", "印鑑を押す"])) == [
        "水を 飲む\t<水> <飲む>",
        "印鑑を押す\t" + _shared().label("印鑑を押す").line(),
    ]


@needs_sudachi
@settings(max_examples=150, deadline=None)
@given(st.text(max_size=80))
def test_any_text_is_labelled(text: str) -> None:
    found = _shared().label(text)
    assert len(found.tags) == len(found.spans)
    for span in found.spans:
        assert span is None or 0 <= span[0] < span[1] <= len(text)


PIECES = (
    "私 は が を に で の と も から まで か ね よ て た たら ば ない ます ません なければ ならない です だ でした "
    "食べ 行っ 行く 来る 読む できる こと ところ もの とき ため よう 何 どこ 誰 いつ どう 明日 3 時 日 2 個 、 「 」 "
    "？ られる させ たい そう らしい し ながら ので のに けど お ご 下さい 東京 田中 さん ンフ 々 ー"
)
FRAGMENTS = st.lists(st.sampled_from(PIECES.split()), max_size=14)


@needs_sudachi
@settings(max_examples=300, deadline=None)
@given(FRAGMENTS.map("".join))
def test_broken_grammar_is_labelled(text: str) -> None:
    found = _shared().label(text)
    assert all(found.tags)


@needs_sudachi
def test_long_and_odd_text(analyser: Analyser) -> None:
    for text in ("あ" * 30_000, "「" * 50, "\ud800", "3" * 400, "\0", "？！。", "一" * 300, "🙂を見る"):
        analyser.label(text)


def test_a_missing_library_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sudachipy", None)
    with pytest.raises(UserError, match="sudachipy") as caught:
        module.Analyser()
    assert "[corpus]" in caught.value.hint


def test_every_rule_of_the_table_can_be_reached() -> None:
    for rules in module.ENDINGS.values():
        for _, actions in rules:
            for action in actions:
                assert (
                    action in module._ACTIONS
                    or not action.isascii()
                    or action in ("?",)
                    or action[:5] == "LINK:"
                )
