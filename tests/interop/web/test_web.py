"""The npm package computes what Python computes: spelling, sentences, dictionary, tags, probabilities, attention."""

from __future__ import annotations

import gzip
import hashlib
import json
import math
import random
import struct
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from jsl_seq2seq.errors import Failure, JslError, UserError
from jsl_seq2seq.evaluation.diagnosis import diagnose
from jsl_seq2seq.interop.formats import export_model
from jsl_seq2seq.interop.web.export import MAGIC, OUTPUT, STEPS, Precision, model_file, quantize
from jsl_seq2seq.model.initialization import initial_parameters
from jsl_seq2seq.store import SavedModel, load_model, shipped_model
from jsl_seq2seq.tokenize import Tokenizers
from jsl_seq2seq.tokenize.normalize import FORMAT_1, JAPANESE, NFC, RADICALS, TAG
from jsl_seq2seq.translate.dictionary import Dictionary, Entry
from jsl_seq2seq.translate.translator import Translation, Translator, split_sentences
from jsl_seq2seq.version import __version__

from ...refusals import refused
from ...small_models import trained_open, trained_pieces, trained_small, trained_words, translator_of
from .node import WEB, answers, built, require_node, run

TOLERANCE = 1e-4
"""Of log-probabilities and attention weights, where the weights are the same float32."""

NORMALIZERS = {"japanese": JAPANESE, "format-1": FORMAT_1, "nfc": NFC, "tag": TAG}
NASTY = (
    "か \u3099\u309a\u309b\u309c\uff76\uff9e\uff9f\uffa0\u3164\u200d\u200b\ufe0f\u0000\u0085\u3000\u0345\u0301\u0323"
    ",.!?．，｡､０1½㍿ﬃ\u1100\u1161\u11a8𠮷👨\ud800"
)
"""Characters that change each other's meaning, side by side more often than chance would have them."""


class Units:
    """Places of a text in characters as places in UTF-16, as JavaScript counts them."""

    def __init__(self, text: str) -> None:
        self._at = [0]
        for character in text:
            self._at.append(self._at[-1] + 1 + (ord(character) > 0xFFFF))

    def __call__(self, places: Sequence[int]) -> list[int]:
        return [self._at[place] for place in places]


def fuzzed(count: int, seed: int) -> list[str]:
    """Texts of up to 40 characters that this Python's Unicode has, with no two halves of a pair beside each other."""
    rng = random.Random(seed)
    assigned = [chr(code) for code in range(0x110000) if unicodedata.category(chr(code)) not in ("Cn", "Cs")]
    pools = [NASTY, assigned, [chr(code) for code in RADICALS], "これは犬です。ポチとAB、1,500円！「?」\n"]
    texts = ["".join(rng.choice(rng.choice(pools)) for _ in range(rng.randrange(41))) for _ in range(count)]
    return ["a" + "\u0323\u0301" * 20 + "b", *texts]


@pytest.mark.parametrize("name", NORMALIZERS)
def test_every_character_is_spelled_alike(name: str, tmp_path: Path) -> None:
    """Between two others; without the Han and Hangul that no step looks at one by one."""
    require_node()
    texts = [
        f"が{chr(code)}゛"
        for code in range(0x110000)
        if unicodedata.category(chr(code)) not in ("Cn", "Cs", "Co")
        and not (0x3400 <= code <= 0x9FFF or 0xAC00 <= code <= 0xD7A3 or 0x20000 <= code <= 0x2F7FF)
    ]
    assert len(texts) > 30_000
    _same_spelling(name, texts, tmp_path)


@pytest.mark.parametrize("name", NORMALIZERS)
def test_fuzzed_texts_are_spelled_alike(name: str, tmp_path: Path) -> None:
    require_node()
    _same_spelling(name, fuzzed(2_000, seed=1), tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2, 22))
def test_200_000_texts_are_spelled_alike(seed: int, tmp_path: Path) -> None:
    require_node()
    _same_spelling("japanese", fuzzed(10_000, seed), tmp_path)


def _same_spelling(name: str, texts: Sequence[str], folder: Path) -> None:
    found = answers(folder, {"normalize": {"name": name, "texts": texts}})
    for text, (spelled, offsets) in zip(texts, found, strict=True):
        wanted, places = NORMALIZERS[name].with_offsets(text)
        assert spelled == wanted, ascii(text)
        assert offsets == [Units(text)(place) for place in places], ascii(text)


def test_sentences_are_split_alike(tmp_path: Path) -> None:
    require_node()
    rng = random.Random(0)
    parts = [*"あ1a 　\n\r\u2028。．！？!?….「」『』（）)(【】𠮷\x1c\x85", "3.5", ". ", "（、）"]
    texts = ["".join(rng.choices(parts, k=rng.randrange(25))) for _ in range(5_000)]
    found = answers(tmp_path, {"split": texts})
    for text, sentences in zip(texts, found, strict=True):
        assert sentences == [Units(text)(one) for one in split_sentences(text)], ascii(text)


WORDS = ["犬", "ポチ", "走る", "食べる", "さる", "くる", "美しい", "ない", "勉強する", "する", "ダサい", "サボる",
         "𠮷野家", "ｽｶｲﾂﾘｰ", "か゛", "行く", "東京 タワー", "AB"]  # fmt: skip


def test_the_dictionary_finds_the_same(tmp_path: Path) -> None:
    require_node()
    rng = random.Random(0)
    stems = [word[:-1] for word in WORDS if len(word) > 1]
    endings = [*"って、ないまするれたらくかけさ。 ", "に行", "した", "すれ", "でき"]
    parts = [*WORDS, *stems, *endings, "ﾎﾟﾁ", "ぽち", "ださ"]
    texts = ["".join(rng.choices(parts, k=rng.randrange(12))) for _ in range(3_000)]
    entries = {word: [f"{number}"] for number, word in enumerate(WORDS)}
    dictionary = Dictionary(Entry(word, tuple(tags)) for word, tags in entries.items())
    found = answers(tmp_path, {"matches": {"entries": entries, "texts": texts}})
    matched = 0
    for text, matches in zip(texts, found, strict=True):
        units = Units(text)
        wanted = [[*units((one.start, one.end)), one.entry.word] for one in dictionary.matches(text)]
        assert matches == wanted, ascii(text)
        matched += len(wanted)
    assert matched > 3_000


# -- translations ---------------------------------------------------------------------------------


def untied() -> SavedModel:
    """What the other models have not: an output layer of its own, sizes that fill no vector, no scale, no last norm."""
    model = trained_open()
    change = {
        "tied_embeddings": False,
        "embedding_scale": False,
        "final_norm": False,
        "n_layers": 2,
        "d_ff": 18,
    }
    config = replace(model.config, d_model=6, n_heads=3, temperature=1.7, uncertain_below=0.5, **change)
    return replace(model, config=config, parameters=initial_parameters(config, seed=3))


def tied() -> SavedModel:
    """As the model that ships, untrained: what it prefers is nothing sensible, and the constraints have work to do."""
    model = trained_open()
    values = model.tokenizers.to_json()
    values["evidence"] = {"飲む": ["飲", "飲む", "飲み", "のみ"], "本": ["本"]}
    config = replace(
        model.config, tied_embeddings=True, uncertain_below=0.9, temperature=1.6, d_model=24, n_heads=3
    )
    return replace(
        model,
        config=config,
        tokenizers=Tokenizers.from_json(values),
        parameters=initial_parameters(config, seed=5),
    )


MODELS: dict[str, Callable[[], SavedModel]] = {
    "tags": trained_small,
    "words": trained_words,
    "open-tags": trained_open,
    "untied": untied,
    "tied": tied,
}

TEXTS = {
    "words": ["Morgen scheint die Sonne", "Heute regnet es", " Morgen\u3000\u0085Sonne nie ", "", "nie"],
    "tags": [
        "わたしはのみます",
        "ありがとう。はい、わかります！",
        "ワタシハタベマス",
        "犬",
        "",
        "。",
        "x" * 2_001,
    ],
}
OPEN = ["コーヒーを飲みます", "コーヒーを飲む。ありがとう！", "珈琲を飲む。𠮷野家と肉を受け取ります。",
        "本を受け取ります", "ーを受けります", "。", " \n", "？？", "ｺｰﾋｰと\ue000を飲む", "本。…「。」", "鰻を飲む" * 12,
        "㌔㍍を飲む"]  # fmt: skip
OPTIONS: list[dict[str, Any]] = [{}, {"nBest": 3}, {"beam": 4, "nBest": 2, "lengthPenalty": 0},
                                 {"beam": 6, "nBest": 2, "lengthPenalty": 6}, {"attention": True}]  # fmt: skip
DICTIONARY = {"コーヒー": ["飲み物", "黒"], "受け取る": ["もらう"], "𠮷野家": ["店"], "肉": ["<食べ物>"]}


@pytest.mark.parametrize("simd", [True, False], ids=["simd", "javascript"])
@pytest.mark.parametrize("name", MODELS)
def test_translations(name: str, simd: bool, tmp_path: Path) -> None:
    require_node()
    model = MODELS[name]()
    texts = TEXTS.get(name, OPEN)
    requests = [(text, options) for text in texts for options in OPTIONS]
    if name not in TEXTS:
        requests += [(text, {**options, "dictionary": DICTIONARY}) for text in texts for options in OPTIONS]
        requests += [
            (
                "犬と猫と鳥と魚と馬と牛と羊と豚と猿と鹿",
                {"dictionary": {one: ["動物"] for one in "犬猫鳥魚馬牛羊豚猿鹿"}},
            )
        ]
    found = translated(model, requests, tmp_path, simd=simd)
    assert {"code" in one for one in found} == {True, False}
    for (text, options), one in zip(requests, found, strict=True):
        _same(one, wanted(translator_of(model), text, options), text)


@pytest.mark.parametrize(
    "options",
    [{"nBest": 0}, {"nBest": 1001}, {"nBest": 3, "beam": 2}, {"beam": 1.5}, {"lengthPenalty": -1},
     {"dictionary": {"犬": ["<a> b"]}}, {"dictionary": {"犬": []}}, {"dictionary": {" ": ["a"]}}],
    ids=str,
)  # fmt: skip
def test_impossible_options_have_codes(options: dict[str, Any], tmp_path: Path) -> None:
    require_node()
    (found,) = translated(trained_open(), [("コーヒーを飲む", options)], tmp_path)
    assert found["code"] in ("setting-out-of-range", "n-best-over-beam", "dictionary-line")
    assert found["facts"] and found["message"]


def test_a_model_without_open_words_takes_no_dictionary(tmp_path: Path) -> None:
    require_node()
    (found,) = translated(trained_small(), [("はい", {"dictionary": DICTIONARY})], tmp_path)
    assert found["code"] == "dictionary-without-open-words"


def test_what_becomes_no_number_is_refused(tmp_path: Path) -> None:
    require_node()
    model = trained_small()
    name = "decoder.final_norm.weight"
    model = replace(model, parameters={**model.parameters, name: np.full_like(model.parameters[name], 3e38)})
    with pytest.raises(Failure) as refused:
        translator_of(model).translate("はい")
    (found,) = translated(model, [("はい", {})], tmp_path)
    assert found["code"] == refused.value.code == "scores-not-finite"


def translated(
    model: SavedModel,
    requests: Sequence[tuple[str, Mapping[str, Any]]],
    folder: Path,
    precision: Precision = "float32",
    simd: bool = True,
) -> list[dict[str, Any]]:
    """What the package answers."""
    path = folder / "model.bin"
    path.write_bytes(model_file(model, precision))
    return answers(folder, {"translate": {"model": str(path), "simd": simd, "requests": requests}})


def wanted(translator: Translator, text: str, options: Mapping[str, Any]) -> Translation | JslError:
    """What Python answers."""
    entries = options.get("dictionary")
    (found,) = translator.translate_each(
        [text],
        beam=options.get("beam", options.get("nBest", 1)),
        n_best=options.get("nBest", 1),
        length_penalty=options.get("lengthPenalty", 0.6),
        attention=options.get("attention", False),
        dictionaries=[entries and Dictionary(_entry(word, tags) for word, tags in entries.items())],
    )
    return found


def _entry(word: str, tags: Sequence[str]) -> Entry:
    return Entry(word, tuple(tag.strip("<>") for tag in tags))


def _same(found: dict[str, Any], wanted: Translation | JslError, text: str) -> None:
    if isinstance(wanted, JslError):
        assert (found["code"], found["message"], found["hint"]) == (wanted.code, wanted.what, wanted.hint)
        assert found["facts"] == json.loads(json.dumps(wanted.to_dict()["facts"]))
        return
    units = Units(text)
    values = wanted.to_dict()
    assert found["text"] == text and found["written"] == str(wanted)
    assert (found["warnings"], found["uncertain"]) == (values["warnings"], values["uncertain"])
    sentences = [{**one, "span": units(one["span"])} for one in values.get("sentences", ())]
    assert found.get("sentences", []) == sentences
    candidates = [values, *values.get("alternatives", ())]
    log_probs = [wanted.log_prob, *(one.log_prob for one in wanted.alternatives)]
    theirs = [found, *found.get("alternatives", ())]
    for one, other, log_prob in zip(candidates, theirs, log_probs, strict=True):
        assert other["finished"] == one["finished"]
        assert abs(other["logProb"] - log_prob) <= TOLERANCE * (len(one["tags"]) + 1)
        for tag, same in zip(one["tags"], other["tags"], strict=True):
            tag["span"] = tag["span"] and units(tag["span"])
            probability = same.pop("probability")
            assert abs(math.log(probability) - math.log(tag.pop("probability"))) <= TOLERANCE
            assert same == tag
    assert set(found.get("attention", {})) == set(wanted.attention or {})
    for name, attention in (wanted.attention or {}).items():
        same = found["attention"][name]
        np.testing.assert_allclose(same["weights"], attention.weights, atol=TOLERANCE)
        assert same["queryLabels"] == list(attention.query_labels)
        assert same["keyLabels"] == list(attention.key_labels)


# -- diagnosis, in the site -----------------------------------------------------------------------


@pytest.mark.parametrize("name", MODELS)
def test_diagnoses(name: str, tmp_path: Path) -> None:
    require_node()
    model = MODELS[name]()
    translator = translator_of(model)
    path = tmp_path / "model.bin"
    path.write_bytes(model_file(model, "float32"))
    texts = [*(text for text in TEXTS.get(name, OPEN) if len(text) < 30 or len(text) > 200), "本" * 201]
    for text, found in zip(
        texts, answers(tmp_path, {"diagnose": {"model": str(path), "texts": texts}}), strict=True
    ):
        try:
            wanted = diagnose(translator, text).to_json()
        except UserError as error:
            assert (found["code"], found["message"]) == (error.code, error.what)
            continue
        assert (found["units"], found["tags"]) == (wanted["units"], wanted["tags"])
        for one, other in zip(found["places"], wanted["places"], strict=True):
            assert one["tag"] == other["tag"]
            _close(one["probability"], other["probability"])
            for mine, theirs in zip(one["alternatives"], other["alternatives"], strict=True):
                _close(mine["probability"], theirs["probability"])
                same = [where["tag"] for where in other["alternatives"]].index(mine["tag"])
                _close(other["alternatives"][same]["probability"], mine["probability"])
        for one, other in zip(found["deletions"], wanted["deletions"], strict=True):
            assert all(one[key] == other[key] for key in ("unit", "tags", "same"))
            np.testing.assert_allclose(one["log_prob_changes"], other["log_prob_changes"], atol=2 * TOLERANCE)
            _close(one["log_prob_change"], sum(other["log_prob_changes"]), len(one["log_prob_changes"]))


def _close(found: float, wanted: float, count: int = 1) -> None:
    assert abs(found - wanted) <= 2 * TOLERANCE * count


# -- files ----------------------------------------------------------------------------------------


def test_the_tests_of_the_package(tmp_path: Path) -> None:
    """Superseding, aborts, progress, damaged files: web/test/*.test.ts."""
    require_node()
    path = tmp_path / "model.bin"
    path.write_bytes(model_file(trained_open(), "float16"))
    files = map(str, sorted(built().glob("*.test.js")))
    told = run("--test", "--test-reporter=tap", *files, JSL_WEB_MODEL=str(path))
    assert "# fail 0" in told and "# skipped 0" in told and "# pass 0" not in told


def test_the_package_has_the_version_of_this_one() -> None:
    assert json.loads((WEB / "package.json").read_text(encoding="utf-8"))["version"] == __version__


def test_types() -> None:
    require_node()
    run("node_modules/typescript/bin/tsc", "--noEmit")


def test_the_export_says_what_its_files_are(tmp_path: Path) -> None:
    export_model(trained_open(), "web", tmp_path / "o")
    told = json.loads((tmp_path / "o" / "model.json").read_text(encoding="utf-8"))
    assert set(told["files"]) == {"model.int8.bin", "model.float16.bin"}
    for name, one in told["files"].items():
        content = (tmp_path / "o" / name).read_bytes()
        assert one == {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        assert content[:4] == MAGIC and struct.unpack("<I", content[4:8]) == (1,)
        assert content[8:40] == hashlib.sha256(content[40:]).digest()


def test_the_same_model_gives_the_same_bytes() -> None:
    assert model_file(trained_open(), "int8") == model_file(trained_open(), "int8")


@pytest.mark.parametrize(
    ("change", "setting"),
    [({"source_length": 5}, "source_length"), ({"specials_masked": False}, "specials_masked")],
)
def test_what_the_engine_does_not_compute_is_refused(change: dict[str, Any], setting: str) -> None:
    model = trained_small()
    with pytest.raises(UserError) as refused:
        model_file(replace(model, config=replace(model.config, **change)), "int8")
    assert (refused.value.code, refused.value.setting) == ("export-unsupported", setting)


def test_tags_in_pieces_are_refused(tmp_path: Path) -> None:
    with refused(UserError, "web", code="export-unsupported", setting="target_tokenizer", value="char"):
        export_model(trained_pieces(), "web", tmp_path / "o")


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("outlier", [1, 1e3, 1e30])
def test_int8_is_at_most_half_a_scale_away(axis: int, outlier: float) -> None:
    array = np.random.default_rng(0).normal(size=(70, 50)).astype(np.float32)
    array[2], array[:, 3], array[4, 5] = 0, 0, outlier
    quantized, scales = quantize(array, axis)
    scale = scales[:, None] if axis == 0 else scales[None]
    assert quantized.dtype == np.int8 and scales.dtype == np.float32
    assert (np.abs(quantized.astype(np.float32) * scale - array) <= scale * 0.5001).all()
    # the step of what has the outlier covers it; all others have one step
    assert np.abs(quantized).max() == 127 or outlier == 1
    assert len(set(scales.tolist()) - {scales[(4, 5)[axis]]}) == (outlier != 1)


def test_int8_of_zeros_is_zeros() -> None:
    quantized, scales = quantize(np.zeros((3, 2), np.float32), 0)
    assert not quantized.any() and scales.tolist() == [1, 1, 1]


def test_int8_has_the_entropy_of_its_steps_and_gzip_little_more() -> None:
    """Of normally distributed values: log2(σ √(2πe) / step) bits (Gish & Pierce 1968)."""
    model = tied()
    config = replace(model.config, d_model=144, d_ff=576)
    model = replace(model, config=config, parameters=initial_parameters(config, seed=3))
    rng = np.random.default_rng(0)
    parameters = {
        name: rng.normal(size=array.shape).astype(np.float32) if array.ndim == 2 else array
        for name, array in model.parameters.items()
    }
    values = sum(array.size for array in parameters.values() if array.ndim == 2)
    bits = math.log2(STEPS * math.sqrt(2 * math.pi * math.e))
    constant = {name: np.zeros_like(array) for name, array in parameters.items()}
    size, rest = (len(model_file(replace(model, parameters=one), "int8")) for one in (parameters, constant))
    assert bits == pytest.approx(5.05, abs=0.01) and values > 400_000
    assert 8 * (size - rest) / values == pytest.approx(bits, abs=0.1)


def test_a_column_of_large_constants_leaves_the_others_their_precision() -> None:
    """As the shipped model's embedding has one."""
    model, name = tied(), "decoder.embedding.weight"
    weight = model.parameters[name]
    large = weight + 10 * (np.arange(weight.shape[1]) == 4).astype(np.float32)
    for array in (weight, large):
        read = stored(replace(model, parameters={**model.parameters, name: array})).parameters[name]
        assert np.abs(read - array).max() <= 0.52 * weight.std(axis=1).max() / STEPS


@pytest.mark.parametrize("name", MODELS)
def test_int8_is_read_as_it_is_written(name: str, tmp_path: Path) -> None:
    require_node()
    model, texts = MODELS[name](), TEXTS.get(name, OPEN)
    exact = translator_of(stored(model))
    for text, one in zip(
        texts, translated(model, [(text, {}) for text in texts], tmp_path, "int8"), strict=True
    ):
        _same(one, wanted(exact, text, {}), text)


def stored(model: SavedModel) -> SavedModel:
    """The model with the values that its int8 file stands for."""
    content = gzip.decompress(model_file(model, "int8")[40:])
    end = 4 + int.from_bytes(content[:4], "little")
    start = -(-end // 16) * 16
    parameters = {}
    for one in json.loads(content[4:end])["tensors"]:
        rows, *columns = shape = one["shape"]

        def read(dtype: str, key: str, count: int, one: dict[str, Any] = one) -> np.ndarray:
            return np.frombuffer(content, dtype, count, start + one[key]).astype(np.float32)

        if not columns:
            parameters[one["name"]] = read("<f2", "offset", rows)
            continue
        scales = read("<f4", "scales", shape[one["axis"]]).reshape((-1, 1) if one["axis"] == 0 else (1, -1))
        mean = read("<f4", "mean", *columns) if "mean" in one else np.float32(0)
        parameters[one["name"]] = read("i1", "offset", math.prod(shape)).reshape(shape) * scales + mean
    if not model.config.tied_embeddings:
        parameters[OUTPUT] = np.ascontiguousarray(parameters[OUTPUT].T)
    return replace(model, parameters=parameters)


# -- the model that ships -------------------------------------------------------------------------


def _handwritten() -> list[str]:
    lines = (resources.files("jsl_seq2seq") / "assets" / "handwritten.tsv").read_text(encoding="utf-8")
    return [line.split("\t")[0] for line in lines.splitlines() if "\t" in line and line[0] != "#"]


def _shipped(texts: Sequence[str], folder: Path, precision: Precision) -> tuple[int, float]:
    """How many translations are the same, and the largest difference of the log-probability of one tag among them."""
    model = load_model(shipped_model(), record=False)
    found = translated(model, [(text, {}) for text in texts], folder, precision)
    same, worst = 0, 0.0
    for one, exact in zip(found, translator_of(model).translate_batch(texts), strict=True):
        if one["written"] == str(exact):
            same += 1
            for tag, probability in zip(one["tags"], exact.probabilities, strict=True):
                worst = max(worst, abs(math.log(tag["probability"]) - math.log(probability)))
    return same, worst


def test_the_shipped_model_on_some_handwritten_sentences(tmp_path: Path) -> None:
    require_node()
    texts = _handwritten()[::20]
    same, worst = _shipped(texts, tmp_path, "float32")
    assert same == len(texts) > 15 and worst <= TOLERANCE


@pytest.mark.slow
@pytest.mark.parametrize(("precision", "share"), [("float32", 1), ("float16", 1), ("int8", 0.99)])
def test_the_shipped_model_on_every_handwritten_sentence(
    precision: Precision, share: float, tmp_path: Path
) -> None:
    require_node()
    texts = _handwritten()
    same, worst = _shipped(texts, tmp_path, precision)
    print(
        f"\n{precision}: {same} of {len(texts)} the same, log-probability of a tag at most {worst:.1e} away"
    )
    assert same >= share * len(texts) and len(texts) > 400
    assert precision != "float32" or worst <= TOLERANCE
