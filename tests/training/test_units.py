"""Corpora of other languages: the same training, other units."""

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import Any

import pytest

from jsl_seq2seq.data import SentencePair
from jsl_seq2seq.errors import UserError
from jsl_seq2seq.settings.presets import preset_options
from jsl_seq2seq.store import load_model, save_model
from jsl_seq2seq.store.verification import verify
from jsl_seq2seq.training import TrainingJob, TrainingRequest
from jsl_seq2seq.training.units import COPIED, RARE, UNSPACED, Shares, chosen_units, shares

from ..processes import run_program
from ..refusals import refused
from ..small_models import small_job, translator_of

GERMAN = """source;gloss
Morgen regnet es im Norden;MORGEN REGEN NORD
"Heute scheint die Sonne; im Süden auch";HEUTE SONNE SUED AUCH
Am Abend weht der Wind;ABEND WIND
"""
WORDS: dict[str, Any] = {"source_units": "word", "target_units": "words"}
SUBWORDS: dict[str, Any] = {"source_units": "subword", "target_units": "words", "subword_vocab": 40}


@pytest.fixture
def german(tmp_path: Path) -> Path:
    path = tmp_path / "wetter.csv"
    path.write_text(GERMAN, encoding="utf-8-sig")
    return path


@pytest.mark.parametrize(
    "units", [WORDS, SUBWORDS, {"target_units": "words"}], ids=["word", "subword", "char"]
)
def test_learnt_saved_and_loaded(tmp_path: Path, german: Path, units: dict[str, Any]) -> None:
    if "subword_vocab" in units:
        pytest.importorskip("tokenizers")
    result = small_job(tmp_path, data=german, epochs=150, max_seq_len=64, **units).run()
    assert (result.exact, result.checked) == (3, 3)
    save_model(result.model, tmp_path / "m")
    loaded = load_model(tmp_path / "m", training_state=True)
    assert loaded.tokenizers.hash == result.model.tokenizers.hash
    translation = translator_of(loaded).translate("Am Abend weht der Wind", attention=True)
    assert str(translation) == "ABEND WIND" and translation.tags == ("ABEND", "WIND")
    assert translation.attention is not None
    assert translation.attention["decoder.0.cross"].query_labels == ("ABEND", "WIND", "<EOS>")
    readme = (tmp_path / "m" / "README.md").read_text(encoding="utf-8")
    assert f'--predict "{result.model.examples[0].source}"' in readme
    assert "`ABEND WIND`" in readme and "--target-units words" in readme
    job = small_job(tmp_path, load=tmp_path / "m", data=german, epochs=1)
    assert job.start.tokenizers.settings == result.model.tokenizers.settings
    assert len(job.changes) == 1 and "cosine" in job.changes[0]


@pytest.mark.parametrize(
    ("pieces", "labels"),
    [
        ({"target_tokenizer": "char"}, list("▁ABEND▁WIND")),
        ({"target_tokenizer": "subword", "target_vocab": 90}, ["▁ABEND", "▁WIND"]),
    ],
    ids=["char", "subword"],
)
def test_targets_in_pieces(tmp_path: Path, german: Path, pieces: dict[str, Any], labels: list[str]) -> None:
    if "target_vocab" in pieces:
        pytest.importorskip("tokenizers")
    options = {"max_seq_len": 64, "d_model": 16, "metric": "bleu", **WORDS, **pieces}
    result = small_job(tmp_path, data=german, valid=german, epochs=120, **options).run()
    assert (result.exact, result.checked) == (3, 3)
    last = result.model.history[-1]
    assert (last.valid_exact, last.valid_bleu) == (1, pytest.approx(100)), "figures are those of the tags"
    save_model(result.model, tmp_path / "m")
    loaded = load_model(tmp_path / "m", training_state=True)
    assert loaded.tokenizers.hash == result.model.tokenizers.hash
    assert loaded.stages[-1].units.items() >= pieces.items()
    translation = translator_of(loaded).translate("Am Abend weht der Wind", attention=True)
    assert str(translation) == "ABEND WIND" and translation.tags == ("ABEND", "WIND")
    assert translation.attention is not None
    assert translation.attention["decoder.0.cross"].query_labels == (*labels, "<EOS>")
    readme = (tmp_path / "m" / "README.md").read_text(encoding="utf-8")
    assert all(f"--{name.replace('_', '-')} {value}" in readme for name, value in pieces.items())
    assert not verify(tmp_path / "m").problems
    small_job(tmp_path, load=tmp_path / "m", data=german, epochs=1, **pieces)
    resumed = TrainingRequest({**WORDS, **pieces}, "ndarray", data=german, load=tmp_path / "m", resume=True)
    assert TrainingJob(resumed).start.tokenizers.hash == loaded.tokenizers.hash


def test_new_tags_of_known_characters_are_learnt(tmp_path: Path, german: Path) -> None:
    model = small_job(tmp_path, data=german, epochs=1, target_tokenizer="char", **WORDS).run().model
    save_model(model, tmp_path / "m")
    more = tmp_path / "more.csv"
    more.write_text("source;gloss\nMorgen weht es;MORGENREGEN WINDE\n", encoding="utf-8")
    job = small_job(tmp_path, load=tmp_path / "m", data=more, learning_rate=0.01)
    before, after = model.tokenizers.target, job.start.tokenizers.target
    assert after.tags == (*before.tags, "MORGENREGEN", "WINDE")
    assert after.vocabulary.tokens == before.vocabulary.tokens, "all their characters have tokens"
    assert any("MORGENREGEN" in change for change in job.changes)
    result = job.run()
    assert (result.exact, result.checked) == (1, 1)
    assert translator_of(result.model).translate("Morgen weht es").details[0].known


def test_unknown_words_are_said_and_left_out(tmp_path: Path, german: Path) -> None:
    model = small_job(tmp_path, data=german, epochs=1, **WORDS).run().model
    translation = translator_of(model).translate("Morgen schneit es")
    assert any("学習していない語" in warning and "「schneit」" in warning for warning in translation.warnings)


def test_unknown_words_of_the_validation_data_are_said(tmp_path: Path, german: Path) -> None:
    valid = tmp_path / "valid.csv"
    valid.write_text("source;gloss\nMorgen schneit es;MORGEN\n", encoding="utf-8")
    notes = small_job(tmp_path, data=german, valid=valid, **WORDS).notes
    assert any("valid.csv" in note and "語が 1 種類" in note and "schneit" in note for note in notes)


def test_data_without_a_known_word_are_refused(tmp_path: Path, german: Path) -> None:
    valid = tmp_path / "valid.csv"
    for line in ("Morgen;SCHNEE", "schneit;MORGEN"):
        valid.write_text(f"source;gloss\n{line}\n", encoding="utf-8")
        with refused(UserError, "valid.csv", "文が 1 つもありません", line.split(";")[0]):
            small_job(tmp_path, data=german, valid=valid, **WORDS)


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"source_units": "char"}, "--source-units"),
        ({"target_units": "tags"}, "--target-units"),
        ({"subword_vocab": 40}, "--subword-vocab"),
        ({"target_tokenizer": "char"}, "--target-tokenizer"),
    ],
)
def test_a_model_keeps_its_units(tmp_path: Path, german: Path, options: dict[str, Any], named: str) -> None:
    save_model(small_job(tmp_path, data=german, epochs=1, **WORDS).run().model, tmp_path / "m")
    with refused(UserError, named, "word と words", "--load を外して"):
        small_job(tmp_path, load=tmp_path / "m", data=german, **options)
    small_job(tmp_path, load=tmp_path / "m", data=german, **WORDS)  # asking for what it is, is fine


def test_a_model_keeps_its_subwords(tmp_path: Path, german: Path) -> None:
    pytest.importorskip("tokenizers")
    save_model(
        small_job(tmp_path, data=german, epochs=1, max_seq_len=64, **SUBWORDS).run().model, tmp_path / "m"
    )
    with refused(UserError, "--subword-vocab", "--load を外して"):
        small_job(tmp_path, load=tmp_path / "m", data=german, subword_vocab=50)
    request = TrainingRequest(SUBWORDS, "ndarray", data=german, load=tmp_path / "m", resume=True)
    TrainingJob(request)


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"source_units": "byte"}, ("--source-units", "byte", "subword", "auto")),
        ({"target_units": "glosses"}, ("--target-units", "glosses", "words")),
        ({"source_units": "word", "subword_vocab": 100}, ("--subword-vocab", "subword")),
        ({"source_units": "subword", "subword_vocab": 3}, ("--subword-vocab（3）",)),
        ({"source_units": "subword", "subword_vocab": -1}, ("--subword-vocab",)),
        ({"target_tokenizer": "letters"}, ("--target-tokenizer", "letters", "char", "auto")),
        (
            {"target_tokenizer": "auto", "target_vocab": 100},
            ("--target-vocab は、--target-tokenizer が subword", "--target-tokenizer subword を足す"),
        ),
        (
            {"target_tokenizer": "char", "target_vocab": 100},
            ("--target-vocab は、--target-tokenizer が subword", "--target-tokenizer subword を足す"),
        ),
        ({"target_tokenizer": "subword", "target_vocab": 3}, ("--target-vocab（3）",)),
        ({"target_tokenizer": "subword", "target_vocab": 0}, ("--target-vocab",)),
    ],
)
def test_impossible_units(
    tmp_path: Path, german: Path, options: dict[str, Any], named: tuple[str, ...]
) -> None:
    with refused(UserError, *named):
        small_job(tmp_path, data=german, **{"target_units": "words", **options})


def test_the_starter_corpus_is_characters_and_tags() -> None:
    with refused(UserError, "付属の例文", "--data"):
        TrainingJob(TrainingRequest({"source_units": "word"}, "ndarray"))


def test_from_the_command_line(tmp_path: Path, german: Path) -> None:
    options = ["--source-units", "word", "--target-units", "words", "--d-model", "8", "--n-layers", "1"]
    run = run_program(
        ["train", "--backend", "ndarray", "--data", german.name, "--epochs", "2", "--save", "m", *options],
        tmp_path,
    )
    assert run.returncode == 0, run.stderr.decode()
    assert load_model(tmp_path / "m").tokenizers.source.kind == "word"
    wrong = run_program(["train", "--data", german.name, "--source-units", "words"], tmp_path)
    assert wrong.returncode == 2 and "--source-units" in wrong.stderr.decode()


AUTO: dict[str, Any] = {
    name: value
    for name, value in preset_options("low-resource").items()
    if name.endswith(("_units", "tokenizer"))
}
CHINESE = """text,gloss
他明天去學校,他 明天 學校 去
你吃飯了嗎？,你 吃 完 嗎
老師喜歡喝茶,老師 茶 喝 喜歡
"""


def pairs_of(*rows: tuple[str, str]) -> list[SentencePair]:
    return [SentencePair(source, tuple(tags.split())) for source, tags in rows]


def test_shares() -> None:
    # of the 8 characters of the tags 學 校 書 茶 stand in their sentences, and 書 in the other pair's
    pairs = pairs_of(("我去學校", "學校 走"), ("我喝書茶", "茶書"), ("他 寫書", "本"), ("書呢", "飲 水"))
    assert shares(pairs) == pytest.approx((3 / 4, 3 / 8, 2 / 6))
    assert shares(pairs_of(("abc", "a"), ("cba", "b"))) == (1, 0, 0), (
        "they stand in the other sentence as well"
    )
    assert shares(pairs_of(("abc", "d"), ("def", "a"))) == (1, 0, 0), "fewer than by chance are none"
    assert shares(pairs_of(("ab", "AB"), ("xy", "CD"))) == (1, 0, 1 / 2), "in capitals, rare tags count"
    assert shares(pairs_of(("我去", "我"), ("你去", "我"))) == (1, 0, 0), (
        "nothing is rare, and half by chance"
    )
    assert shares(pairs_of(("私\u3000は", "私"))) == (0, 0, 0), "any kind of space; no other pair"
    assert shares([]) == (0, 0, 0)


@pytest.mark.parametrize("seed", range(3))
def test_shares_of_generated_corpora(seed: int) -> None:
    """What was taken from the sentences, whatever the order; nothing if the script is an alphabet or another one."""
    random = Random(seed)
    characters = [chr(0x4E00 + number) for number in range(4000)]
    random.shuffle(characters)
    rows, copied = [], 0
    for start in range(0, 4000, 10):
        sentence, foreign = characters[start : start + 5], characters[start + 5 : start + 10]
        tags = [random.choice(random.choice((sentence, foreign))) for _ in range(4)]
        copied += sum(tag in sentence for tag in tags)
        rows.append(SentencePair("".join(sentence), tuple(tags)))
    once = sum(tag in row.source for row in rows for tag in row.tags if row.tags.count(tag) == 1)
    assert shares(rows) == pytest.approx((1, copied / 1600, once / 1600))
    alphabet = "abcdefghij"
    spelled = [
        SentencePair(
            " ".join(random.sample(alphabet, 10)), tuple(random.choice(alphabet) * 3 for _ in row.tags)
        )
        for row in rows
    ]
    assert shares(spelled) == (0, 0, 0), "letters of an alphabet stand in every sentence"
    capitals = [SentencePair(row.source, tuple(tag.upper() for tag in row.tags)) for row in spelled]
    assert shares(capitals) == (0, 0, 0)


@pytest.mark.parametrize(
    ("given", "copied", "rare", "unspaced", "neither"),
    [
        ({}, (), (), (), ()),
        (AUTO, ("char", "char"), ("char", "char"), ("char", "word"), ("subword", "word")),
        ({"target_tokenizer": "auto"}, ("char",), ("char",), ("word",), ("word",)),
        ({"source_units": "auto"}, ("subword",), ("subword",), ("char",), ("subword",)),
        (AUTO | {"target_tokenizer": "char"}, *[("char", "char")] * 3, ("subword", "char")),
        (
            AUTO | {"target_tokenizer": "word"},
            *[("subword", "word")] * 2,
            ("char", "word"),
            ("subword", "word"),
        ),
        (AUTO | {"source_units": "word"}, ("word", "char"), *[("word", "word")] * 3),
        (AUTO | {"source_units": "char"}, *[("char", "char")] * 2, *[("char", "word")] * 2),
        (AUTO | {"subword_vocab": 90}, ("subword", "char"), *[("subword", "word")] * 3),
    ],
)
def test_chosen_units(
    given: dict[str, Any],
    copied: tuple[str, ...],
    rare: tuple[str, ...],
    unspaced: tuple[str, ...],
    neither: tuple[str, ...],
) -> None:
    """What is chosen where much is copied, rare tags are, sentences have no spaces, and where none of it is so."""
    cases = [
        (copied, Shares(copied=COPIED)),
        (rare, Shares(rare=RARE)),
        (unspaced, Shares(unspaced=UNSPACED)),
        (neither, Shares(UNSPACED / 2, COPIED / 2, RARE / 2)),
    ]
    for wanted, counted in cases:
        chosen = chosen_units(given, counted)
        units = [chosen[name] for name in ("source_units", "target_tokenizer") if name in given]
        assert tuple(units) == wanted
        assert "auto" not in chosen.values() and chosen.keys() == given.keys()
        assert all(chosen[name] == value for name, value in given.items() if value != "auto")
    assert chosen_units(given) == chosen_units(given, Shares())


def test_the_preset_chooses_characters_where_tags_stand_in_their_sentences(tmp_path: Path) -> None:
    data = tmp_path / "tsl.csv"
    data.write_text(CHINESE, encoding="utf-8")
    options = {**AUTO, "epochs": 150, "d_model": 16}
    job = small_job(tmp_path, data=data, **options)
    # of the 16 characters of the glosses, 完 is no sentence's, and 學 and 校 stand in other sentences, too
    assert (
        job.decisions[0].startswith("単位: 文は文字、訳は語の文字で書きます") and "100 %" in job.decisions[0]
    )
    result = job.run()
    assert (result.exact, result.checked) == (3, 3)
    kinds = {"source_units": "char", "target_units": "words", "target_tokenizer": "char"}
    assert job.options.items() >= kinds.items() and result.model.stages[-1].units == kinds
    save_model(result.model, tmp_path / "m")
    readme = (tmp_path / "m" / "README.md").read_text(encoding="utf-8")
    assert "--target-tokenizer char" in readme and "auto" not in readme
    # nothing is chosen again where there is a model, whatever the data are
    data.write_text("text,gloss\n他去學校,學校 去\n", encoding="utf-8")
    for resume in (False, True):
        request = TrainingRequest(options, "ndarray", data=data, load=tmp_path / "m", resume=resume)
        again = TrainingJob(request)
        assert not again.decisions and again.options.items() >= kinds.items()
    with refused(UserError, "--source-units", code="setting-fixed-by-model"):
        small_job(tmp_path, load=tmp_path / "m", data=data, **{**AUTO, "source_units": "subword"})


def test_the_preset_chooses_whole_words_of_another_script(tmp_path: Path) -> None:
    pytest.importorskip("tokenizers")
    german = tmp_path / "wetter.csv"
    german.write_text(
        "text,gloss\nMorgen regnet es,明日 雨\nMorgen weht der Wind,明日 風\n", encoding="utf-8"
    )
    job = small_job(tmp_path, data=german, epochs=1, max_seq_len=64, **AUTO)
    assert (
        job.decisions[0].startswith("単位: 文は部分語、訳は語で書きます") and "語が 0.0 %" in job.decisions[0]
    )
    kinds: dict[str, Any] = {"source_units": "subword", "target_units": "words", "target_tokenizer": "word"}
    assert job.options.items() >= kinds.items()
    fixed = small_job(tmp_path, data=german, epochs=1, max_seq_len=64, **kinds)
    assert not fixed.decisions and fixed.start.tokenizers.hash == job.start.tokenizers.hash
    own = job.start.parameters
    assert all((own[name] == values).all() for name, values in fixed.start.parameters.items())


def test_sentences_are_spelled_as_the_chosen_units_spell_them(tmp_path: Path) -> None:
    data = tmp_path / "wide.csv"
    data.write_text("text,gloss\n我有３本書,我 書 三\n他喝茶,他 茶\n", encoding="utf-8")
    chosen = small_job(tmp_path, data=data, epochs=1, **AUTO)
    plain = small_job(tmp_path, data=data, epochs=1, target_units="words", target_tokenizer="char")
    assert list(chosen.corpus.pairs) == list(plain.corpus.pairs)
    assert chosen.start.tokenizers.hash == plain.start.tokenizers.hash


def test_the_starter_corpus_has_its_own_units() -> None:
    with refused(UserError, "付属の例文", "--data"):
        TrainingJob(TrainingRequest(AUTO, "ndarray"))
