"""Each convention of the table can be switched; as it ships, none changes a tag."""

from __future__ import annotations

from pathlib import Path

import pytest

from jsl_seq2seq.corpus import conventions as module
from jsl_seq2seq.corpus import generate_pairs
from jsl_seq2seq.corpus.conventions import Convention, read_conventions, rewrite
from jsl_seq2seq.errors import UserError

OTHER = {
    "いません": ("父 いる ない", "父 ない"),
    "単位が先": ("7 時 3 10 分 来る", "時 7 分 3 10 来る"),
    "文末の指さし": ("私 北海道 行く", "私 北海道 行く 私"),
    "勧誘の語": ("映画 見る しよう ?", "映画 見る ?"),
    "条件の語": ("雨 降る 場合 行く ない", "雨 降る 行く ない"),
    "比較の語": ("犬 猫 より 大きい", "犬 猫 比べる 大きい"),
    "場所の問い": ("駅 場所 何", "駅 どこ"),
}


def of(name: str) -> Convention:
    return next(one for one in read_conventions() if one.name == name)


def test_every_convention_has_an_example() -> None:
    assert [one.name for one in read_conventions()] == list(OTHER)


@pytest.mark.parametrize("name", OTHER)
def test_the_other_form(name: str) -> None:
    now, other = OTHER[name]
    assert rewrite(now.split(), [of(name)]) == tuple(other.split())
    assert rewrite(now.split()) == tuple(now.split()), "as it ships, nothing changes"


def test_parts_of_tags_stay() -> None:
    assert rewrite(["場合", "+場合分け", "よりどり"], [of("条件の語"), of("比較の語")]) == (
        "+場合分け",
        "よりどり",
    )
    assert rewrite(["見いる", "ない"], [of("いません")]) == ("見いる", "ない")


def test_what_is_chosen_changes_the_generated_corpus(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    before = {pair.source: pair.tags for pair in generate_pairs(400, 5)}
    table = tmp_path / "conventions.tsv"
    table.write_text("比較の語\tより\t比べる\t別\n", encoding="utf-8")
    rows = read_conventions(table)
    monkeypatch.setattr(module, "read_conventions", lambda: rows)
    module._rewriting.cache_clear()
    try:
        after = {pair.source: pair.tags for pair in generate_pairs(400, 5)}
    finally:
        module._rewriting.cache_clear()
    assert any("より" in tags for tags in before.values())
    assert after == {
        source: tuple("比べる" if tag == "より" else tag for tag in tags) for source, tags in before.items()
    }


@pytest.mark.parametrize(
    "row", ["いません\tいる", "いません\tいる (\tない\t別", "いません\tいる\tない\t両方"]
)
def test_a_broken_row_is_named(row: str, tmp_path: Path) -> None:
    path = tmp_path / "conventions.tsv"
    path.write_text(f"# 注釈\n{row}\n", encoding="utf-8")
    with pytest.raises(UserError, match="2 行目") as caught:
        read_conventions(path)
    assert caught.value.code == "convention-row" and caught.value.facts["line"] == 2
