"""The Hugging Face export computes what NumPy computes, in transformers."""

from __future__ import annotations

import json
import math
import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from jsl_seq2seq.data import SentencePair
from jsl_seq2seq.errors import UserError
from jsl_seq2seq.interop.formats import export_model
from jsl_seq2seq.interop.huggingface import export
from jsl_seq2seq.interop.huggingface.export import joined_size
from jsl_seq2seq.interop.huggingface.tokenizer import MARK, joined_tokens, tokenizer_json
from jsl_seq2seq.model.initialization import initial_parameters
from jsl_seq2seq.settings import EOS, SOS
from jsl_seq2seq.store import SavedModel, load_model, shipped_model
from jsl_seq2seq.tokenize import Tokenizers
from jsl_seq2seq.tokenize.subword import BLANK

from ...refusals import refused
from ...small_models import small_job, trained_open, trained_pieces, trained_small, trained_words
from ..libraries import require
from ..sentences import handwritten_texts, random_sentences, translations, without_specials

torch: Any = require("torch")
transformers: Any = require("transformers")
tokenizers: Any = require("tokenizers")

MODELS: dict[str, Callable[[], SavedModel]] = {
    "tags": trained_small,
    "words": trained_words,
    "open-tags": trained_open,
    "pieces": trained_pieces,
}


def loaded(directory: Path) -> tuple[Any, Any]:
    """The network and the tokenizer, as the automatic classes load them."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the library's own deprecations
        network, told = transformers.AutoModelForSeq2SeqLM.from_pretrained(
            directory, output_loading_info=True
        )
        assert not any(told[name] for name in ("missing_keys", "unexpected_keys", "mismatched_keys")), told
        return network.eval(), transformers.AutoTokenizer.from_pretrained(directory)


def shifted(model: SavedModel, ids: Sequence[int]) -> list[int]:
    """Target ids in the joined vocabulary."""
    return [index if index <= EOS else index - EOS - 1 + model.config.vocab_size.source for index in ids]


def generated(network: Any, sources: Sequence[Sequence[int]]) -> list[list[int]]:
    """The ids that transformers writes, without SOS and EOS."""
    longest = max(map(len, sources))
    batch = torch.tensor([[*source, *[0] * (longest - len(source))] for source in sources])
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        rows = network.generate(input_ids=batch, attention_mask=(batch != 0).long()).tolist()
    return [row[1 : row.index(EOS, 1) if EOS in row[1:] else None] for row in rows]


def check_log_probabilities(model: SavedModel, network: Any, sources: Sequence[Sequence[int]]) -> None:
    """Each translation's log-probabilities, tag by tag and for the end."""
    for source, wanted in zip(sources, translations(model, sources), strict=True):
        target = shifted(model, wanted.ids)
        with torch.no_grad():
            logits = network(
                input_ids=torch.tensor([source]), decoder_input_ids=torch.tensor([[SOS, *target]])
            ).logits
        rows = torch.log_softmax(logits, dim=-1)[0].numpy()
        found = [row[tag] for row, tag in zip(rows, (*target, EOS), strict=True)][: len(wanted.log_probs)]
        np.testing.assert_allclose(found, wanted.log_probs, atol=1e-4)


@pytest.mark.parametrize("name", MODELS)
def test_ids_and_log_probabilities(name: str, tmp_path: Path) -> None:
    model = without_specials(MODELS[name]())
    export_model(model, "huggingface", tmp_path)
    network, _ = loaded(tmp_path)
    assert type(network).__name__ == "PegasusForConditionalGeneration"
    sources = random_sentences(model, 11)
    check_log_probabilities(model, network, sources)
    wanted = [shifted(model, one.ids) for one in translations(model, sources)]
    assert generated(network, sources) == wanted
    assert [generated(network, [source])[0] for source in sources] == wanted


@pytest.mark.parametrize(
    "change",
    [{"tied_embeddings": True}, {"embedding_scale": False}, {"temperature": 1.7}, {"n_layers": 2}],
    ids=str,
)
def test_every_form_of_a_model(change: dict[str, Any], tmp_path: Path) -> None:
    model = trained_small()
    config = replace(model.config, **change)
    model = without_specials(replace(model, config=config, parameters=initial_parameters(config, seed=3)))
    export_model(model, "huggingface", tmp_path)
    check_log_probabilities(model, loaded(tmp_path)[0], random_sentences(model, 4))


def test_what_is_no_tag_never_wins(tmp_path: Path) -> None:
    """Also with weights that would rather write it: here PAD and SOS."""
    model = trained_small()
    bias = model.parameters["decoder.output_projection.bias"].copy()
    bias[[0, 1]] = 50
    model = replace(model, parameters={**model.parameters, "decoder.output_projection.bias": bias})
    export_model(model, "huggingface", tmp_path)
    sources = random_sentences(model, 5)
    wanted = [shifted(model, one.ids) for one in translations(model, sources)]
    assert generated(loaded(tmp_path)[0], sources) == wanted


# -- the tokenizer --------------------------------------------------------------------------------

PIECES = (
    *"わたしはたベタコーヒー飲受け取る。、！？!?,.犬\ue000 \t\u3000\u200bｱﾊﾟ゛゜が１２3,0",
    "1,500",
    "か\u3099",
    "½",
    "㌔",
    "．",
    "😀",
)


def random_texts(count: int) -> list[str]:
    rng = np.random.default_rng(1)
    return ["".join(rng.choice(PIECES, rng.integers(1, 12))) for _ in range(count)]


@pytest.mark.parametrize("name", ["tags", "open-tags"])
def test_texts_are_read_alike(name: str) -> None:
    """Runs of unknown letters are one slot each; here always the first one."""
    model = MODELS[name]()
    theirs = tokenizers.Tokenizer.from_str(json.dumps(tokenizer_json(model.tokenizers)))
    source, several = model.tokenizers.source, 0
    for text in random_texts(2000):
        wanted = source.encode(text)
        if len(wanted.slots) > 1:
            several += 1
            continue
        assert tuple(theirs.encode(text).ids) == wanted.ids, ascii(text)
    assert several < 1500


def test_the_joined_vocabulary() -> None:
    for make in MODELS.values():
        model = make()
        tokens = joined_tokens(model.tokenizers)
        assert len(tokens) == len(set(tokens)) == joined_size(model.tokenizers)
        source = model.tokenizers.source.vocabulary
        assert tokens[3 : len(source)] == list(source.tokens) and tokens[len(source)][0] == MARK


@pytest.mark.parametrize("name", MODELS)
def test_tags_are_written_alike(name: str) -> None:
    model = MODELS[name]()
    theirs = tokenizers.Tokenizer.from_str(json.dumps(tokenizer_json(model.tokenizers)))
    texts = [example.source for example in model.examples]
    written = set()
    for one in translations(model, [model.tokenizers.source.encode(text).ids for text in texts]):
        target = model.tokenizers.target
        wanted = target.join(target.decode(one.ids))
        assert theirs.decode([SOS, *shifted(model, one.ids), EOS]) == wanted
        written.add(wanted)
    assert len(written) > 1
    assert theirs.decode([SOS, EOS]) == ""


@pytest.mark.parametrize("kind", ["char", "subword"])
@pytest.mark.parametrize("units", ["tags", "words"])
def test_any_pieces_are_joined_alike(units: str, kind: str) -> None:
    """Whatever a network writes: repeated marks, none at the beginning, one at the end."""
    pairs = [SentencePair("本を食べる", ("本", "食べる")), SentencePair("飲み物", ("飲み物", "食べ物"))]
    ours = Tokenizers.of("char", units, target_tokenizer=kind).learn(pairs)
    theirs = tokenizers.Tokenizer.from_str(json.dumps(tokenizer_json(ours)))
    target, first = ours.target, len(ours.source.vocabulary)
    marks = [index for index, token in enumerate(target.vocabulary.tokens) if token == BLANK]
    rng, found = np.random.default_rng(0), set[str]()
    for _ in range(500):
        drawn = rng.integers(len(target.vocabulary.tokens), size=rng.integers(0, 9))
        rows = np.where(rng.random(len(drawn)) < 0.3, marks[0], drawn)
        wanted = target.join(target.decode((rows + EOS + 1).tolist()))
        assert theirs.decode([SOS, *(rows + first).tolist(), EOS]) == wanted
        found.add(wanted)
    assert "" in found and len(found) > 200


def test_pieces_beside_open_words_are_refused(tmp_path: Path) -> None:
    data = tmp_path / "data.tsv"
    data.write_text("本を読む\t<本> <+読む>\n", encoding="utf-8")
    options = {"target_units": "open-tags", "target_tokenizer": "char", "epochs": 1, "max_seq_len": 20}
    model = small_job(tmp_path, data=data, **options).run().model
    with refused(UserError, "huggingface", code="export-unsupported", setting="target_tokenizer"):
        export_model(model, "huggingface", tmp_path / "o")


def test_from_text_to_text(tmp_path: Path) -> None:
    model = trained_small()
    export_model(model, "huggingface", tmp_path)
    network, tokenizer = loaded(tmp_path)
    batch = tokenizer(["わたしはたべます", "ありがとう"], return_tensors="pt", padding=True)
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        rows = network.generate(**batch)
    assert tokenizer.batch_decode(rows, skip_special_tokens=True) == ["<私> <食べる>", "<ありがとう>"]


# -- the card -------------------------------------------------------------------------------------


def test_the_card_of_the_shipped_model() -> None:
    yaml: Any = require("yaml")
    text = export(load_model(shipped_model(), record=False)).files["README.md"].decode()
    _, front, body = text.split("---\n", 2)
    told = yaml.safe_load(front)
    assert (told["language"], told["license"], told["library_name"]) == (["ja"], "mit", "transformers")
    results = told["model-index"][0]["results"]
    assert results and all(0 < one["metrics"][0]["value"] <= 100 for one in results)
    assert all("search:greedy" in one["metrics"][0]["name"] for one in results)
    assert "日本手話（JSL）そのものではありません" in body and "U+E000" in body


@pytest.mark.parametrize(
    "figures", [7, "x", ["x"], {"a": "x"}, {"a": True}, {"a": math.inf}, {"a": {"b": 1}}], ids=repr
)
def test_a_card_tells_no_figure_that_is_none(figures: Any) -> None:
    yaml: Any = require("yaml")
    model = trained_small()
    forged = replace(model, metadata={**model.metadata, "evaluation": figures})
    assert "model-index" not in yaml.safe_load(export(forged).files["README.md"].decode().split("---\n")[1])


def test_a_card_names_no_licence_that_nobody_gave() -> None:
    yaml: Any = require("yaml")
    text = export(trained_small()).files["README.md"].decode()
    assert "license" not in yaml.safe_load(text.split("---\n")[1]) and "## ライセンス" in text


@pytest.mark.slow
def test_the_shipped_model_on_every_handwritten_sentence(tmp_path: Path) -> None:
    """Through the exported tokenizer, too: the same ids, and the same text."""
    model = load_model(shipped_model(), record=False)
    export_model(model, "huggingface", tmp_path)
    network, tokenizer = loaded(tmp_path)
    texts = handwritten_texts()
    assert len(texts) > 400
    target = model.tokenizers.target
    sources = [model.tokenizers.source.encode(text).ids for text in texts]
    wanted = translations(model, sources)
    for start in range(0, len(texts), 32):
        group = slice(start, start + 32)
        batch = tokenizer(texts[group], return_tensors="pt", padding=True)
        with torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            rows = network.generate(**batch)
        found = tokenizer.batch_decode(rows, skip_special_tokens=True)
        assert found == [target.join(target.decode(one.ids)) for one in wanted[group]]
