"""The guided tour: its numbers, pictures and pages are what its small model and its text give."""

from __future__ import annotations

import json
import re
import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from jsl_seq2seq import Translator
from jsl_seq2seq.store import tour_model

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "docs" / "attention.md").read_text(encoding="utf-8")
SENTENCE = "わたしはたべます"
NUMBER = re.compile(r"#[0-9a-f]{6}\b|-?\d+(?:\.\d+)?")


@pytest.fixture(scope="module")
def tool() -> ModuleType:
    """``tools/build_tour.py``."""
    pytest.importorskip("markdown_it")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "path", [str(ROOT / "tools"), *sys.path])
        return import_module("build_tour")


@pytest.fixture(scope="module")
def attention() -> dict[str, np.ndarray]:
    """Name -> weights [H, query, key] for the tour's sentence."""
    found = Translator.load(tour_model(), "ndarray").translate(SENTENCE, attention=True)
    assert str(found) == "<私> <食べる>" and found.attention is not None
    return {name: one.weights for name, one in found.attention.items()}


def values(text: str) -> list[float]:
    """Every number of a text; of a colour its three parts, as shares."""
    found: list[float] = []
    for number in NUMBER.findall(text):
        if number.startswith("#"):
            found += [int(number[at : at + 2], 16) / 255 for at in (1, 3, 5)]
        else:
            found.append(float(number))
    return found


def test_pictures_are_the_models(tool: ModuleType) -> None:
    """To the hundredth: another machine's last digit may round differently."""
    for name, picture in tool.pictures().items():
        shown = (ROOT / "docs" / "images" / name).read_text(encoding="utf-8")
        assert NUMBER.sub("0", shown) == NUMBER.sub("0", picture), name
        assert values(shown) == pytest.approx(values(picture), abs=0.0101), name


def test_the_drawing_and_the_pages_are_built_from_the_text(tool: ModuleType) -> None:
    advice = "python tools/build_tour.py"
    assert (ROOT / "docs" / "images" / "architecture.svg").read_text(encoding="utf-8") == tool.architecture()
    pages = tool.pages()
    assert pages.keys() == {path.name for path in tool.PAGES.glob("*.html")}
    for name, page in pages.items():
        assert (tool.PAGES / name).read_text(encoding="utf-8") == page, advice
        assert not re.search(r"<script|(?:src|href)=\"(?!data:|https://|\.\./|\d\.html)", page)


def test_claims_about_weights(attention: dict[str, np.ndarray]) -> None:
    """What the text and the pictures' descriptions say, from the model."""
    first, second = attention["encoder.0.self"]
    cross = attention["decoder.3.cross"]
    ma, su = 6, 7
    for claim in (
        f"「す」の行は「ま」に {first[su, ma]:.2f}、「ま」の行は「す」に {first[ma, su]:.2f}",
        f"私の行は「わ」に {cross[0, 0, 0]:.2f}、"
        f"食べるの行は「べ」に {cross[0, 1, 5]:.2f} と、1 つ目の「た」に {cross[0, 1, 1]:.2f}",
        f"`<私>` を書くときは、「わ」を {cross[0, 0, 0]:.2f} の強さで",
        f"「べ」（{cross[0, 1, 5]:.2f}）と、2 つある「た」（{cross[0, 1, 1]:.2f} と {cross[0, 1, 4]:.2f}）",
        f"`<食べる>` を書くときに「た」を {cross[1, 1].max():.2f} の強さで",
    ):
        assert claim in TEXT
    assert [SENTENCE[key] for key in second.argmax(axis=1)].count("し") > len(SENTENCE) / 2
    for layer in range(4):
        assert not np.triu(attention[f"decoder.{layer}.self"], k=1).any()


def test_claims_about_the_training() -> None:
    metrics = json.loads((tour_model() / "metrics.json").read_text(encoding="utf-8"))
    losses = {one["epoch"]: one["loss"] for one in metrics["history"]}
    assert f"1 エポック目の損失は {losses[1]:.2f} でした（`models/tour/metrics.json`）" in TEXT
    for epoch in range(20, 201, 20):
        assert f"  {epoch} エポック（{epoch // 2}%）: 損失 {losses[epoch]:.4f}、" in TEXT
    size = sum(path.stat().st_size for path in tour_model().iterdir())
    assert (tour_model() / "model.safetensors").stat().st_size < 125_000 and size < 200_000


def test_what_the_code_needs_is_said_before_it() -> None:
    """The first block copies the model; M, X, i and [:, None] are explained above the first formula with them."""
    first = re.findall(r"^```python run\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)[0]
    assert 'copytree(tour_model(), "models/tour"' in first
    for said, used in (
        ("**X** は", "MultiHead(X, M)"),
        ("**M** は", "MultiHead(X, M)"),
        ("`i` は何組目の波か", "PE(pos, 2i)"),
        ("コードに出てくる `[:, None]` は", "(ids != pad)[:, None, None, :]"),
    ):
        assert TEXT.index(said) < TEXT.index(used)
