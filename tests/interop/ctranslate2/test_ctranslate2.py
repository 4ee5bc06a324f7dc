"""The CTranslate2 export computes what NumPy computes, in CTranslate2."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from jsl_seq2seq.interop.formats import export_model
from jsl_seq2seq.model.initialization import initial_parameters
from jsl_seq2seq.store import SavedModel, load_model, shipped_model

from ...small_models import trained_open, trained_pieces, trained_small, trained_words
from ..float64 import Float64
from ..libraries import require
from ..sentences import handwritten, random_sentences, translations, without_specials

ctranslate2: Any = require("ctranslate2")

MODELS: dict[str, Callable[[], SavedModel]] = {
    "tags": trained_small,
    "words": trained_words,
    "pieces": trained_pieces,
    "open-tags": trained_open,
}


def check(
    model: SavedModel,
    directory: Path,
    sources: Sequence[tuple[int, ...]],
    batch: int,
    exact: Float64 | None = None,
) -> None:
    """The same tags, and the same log-probability of every tag and of the end; with ``exact`` both as that has them."""
    export_model(model, "ctranslate2", directory)
    theirs = ctranslate2.Translator(
        str(directory), device="cpu", compute_type="float32", inter_threads=1, intra_threads=1
    )
    texts = [[model.tokenizers.source.vocabulary.token_of(index) for index in source] for source in sources]
    wanted = translations(model, sources)
    targets = [[model.tokenizers.target.vocabulary.token_of(index) for index in one.ids] for one in wanted]
    longest = model.config.max_seq_len
    found = theirs.translate_batch(
        texts, beam_size=1, max_batch_size=batch, min_decoding_length=0, max_decoding_length=longest
    )
    assert [one.hypotheses[0] for one in found] == targets
    written = [index for index, one in enumerate(wanted) if one.ids]
    assert len(written) > len(sources) / 3
    scored = theirs.score_batch(
        [texts[index] for index in written], [targets[index] for index in written], max_batch_size=batch
    )
    for index, one in zip(written, scored, strict=True):
        ours = wanted[index].log_probs  # without the end where the limit came first
        true = ours if exact is None else exact.log_probs(sources[index], wanted[index].ids)[: len(ours)]
        np.testing.assert_allclose(ours, true, rtol=0, atol=1e-4)
        np.testing.assert_allclose(one.log_probs[: len(ours)], true, atol=1e-4)


@pytest.mark.parametrize("batch", [1, 32])
@pytest.mark.parametrize("name", MODELS)
def test_tags_and_log_probabilities(name: str, batch: int, tmp_path: Path) -> None:
    model = without_specials(MODELS[name]())
    check(model, tmp_path, random_sentences(model, 32), batch)


@pytest.mark.parametrize(
    "change",
    [{"tied_embeddings": True}, {"embedding_scale": False}, {"temperature": 1.7}, {"n_layers": 2}],
    ids=str,
)
def test_every_form_of_a_model(change: dict[str, Any], tmp_path: Path) -> None:
    model = trained_small()
    config = replace(model.config, **change)
    model = replace(model, config=config, parameters=initial_parameters(config, seed=3))
    check(without_specials(model), tmp_path, random_sentences(model, 8), 4)


@pytest.mark.slow
@pytest.mark.parametrize("batch", [1, 32])
def test_the_shipped_model_on_every_handwritten_sentence(batch: int, tmp_path: Path) -> None:
    model = load_model(shipped_model(), record=False)
    sources = handwritten(model)
    assert len(sources) > 400
    # each float32 is at most 9e-5 from float64, on one sentence to either side of it: 1.3e-4 from each other
    check(model, tmp_path, sources, batch, Float64(model))
