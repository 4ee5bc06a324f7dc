"""The model card of a Hugging Face repository: YAML metadata, and in Japanese what the model is and is not."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ...io.text import format_json
from ...store import SavedModel
from ...store.metadata import exact_shares
from ...tokenize.tokenizer import CharTokenizer, OpenTagTokenizer
from ...version import __version__


def model_card(model: SavedModel) -> str:
    """The content of ``README.md``.

    A licence is named only for the model that ships with the package: whose data another one was trained on is not
    known here.
    """
    front = "\n".join(_yaml(_metadata(model)))
    return f"---\n{front}\n---\n\n" + "\n\n".join(_sections(model)) + "\n"


def is_shipped(model: SavedModel) -> bool:
    """Whether it was made by this project's own recipe, whose data are its own."""
    return str(model.metadata.get("made_by", "")).startswith("python tools/train_shipped.py")


def _metadata(model: SavedModel) -> dict[str, Any]:
    values: dict[str, Any] = {}
    if isinstance(model.tokenizers.source, CharTokenizer):
        values["language"] = ["ja"]
    if is_shipped(model):
        values["license"] = "mit"
    values |= {
        "library_name": "transformers",
        "pipeline_tag": "translation",
        "tags": ["sign-language", "japanese-sign-language", "gloss", "jsl-seq2seq"],
    }
    if figures := exact_shares(model):
        values["model-index"] = [
            {
                "name": "jsl-seq2seq",
                "results": [
                    {
                        "task": {"type": "translation", "name": "Japanese text to sign tags"},
                        "dataset": {"type": "jsl-seq2seq", "name": name},
                        "metrics": [
                            {
                                "type": "exact_match",
                                "name": f"exact match | {_signature(model)}",
                                "value": round(100 * value, 2),
                            }
                        ],
                    }
                    for name, value in figures.items()
                ],
            }
        ]
    return values


def _signature(model: SavedModel) -> str:
    version = model.metadata.get("package_version") or __version__
    return f"unit:sequence of tags|search:greedy|case:exact|version:jsl-seq2seq {version}"


def _sections(model: SavedModel) -> Iterator[str]:
    yield "# 日本語から手話タグへ"
    yield (
        "日本語の文を、手話タグの列に訳すモデルです（jsl-seq2seq から書き出しました）。\n\n"
        "**出力はタグであって、日本手話（JSL）そのものではありません。** 表情・視線・空間・同時性は含まれません。"
        "ろう者・手話通訳者による確認は受けていません。手話通訳の代わりには使えません。\n\n"
        "*The output is a sequence of tags, not Japanese Sign Language: no facial expression, space or simultaneity. "
        "Signers have not reviewed it.*"
    )
    yield (
        "## 使い方\n\n```python\n"
        "from transformers import AutoModelForSeq2SeqLM, AutoTokenizer\n\n"
        'tokenizer = AutoTokenizer.from_pretrained(".")\n'
        'model = AutoModelForSeq2SeqLM.from_pretrained(".")\n'
        f'batch = tokenizer(["{model.sample}"], return_tensors="pt", padding=True)\n'
        "print(tokenizer.batch_decode(model.generate(**batch), skip_special_tokens=True))\n```"
    )
    if figures := exact_shares(model):
        rows = "\n".join(f"| {name} | {value:.1%} |" for name, value in figures.items())
        yield (
            f"## 評価\n\n学習に使っていない文の完全一致率です（{_signature(model)}）。"
            "jsl-seq2seq で測りました（下の「限界」にある約束を守らせています）。"
            f"\n\n| テスト | 完全一致 |\n| --- | --- |\n{rows}"
        )
    data = model.data_name if is_shipped(model) else "書き出した人の手元のデータ"
    yield f"## 学習データ\n\n{data}"
    limits = [
        "1 文ずつ訳します。長い文章は、句点で分けてから渡してください。",
        "語彙にない文字の続きは、代わりの 1 文字（U+E000）として読みます。訳にあれば、もとの文字に戻してください。",
        "自分の言葉の辞書と、確かでない訳の印はありません。",
    ]
    if isinstance(model.tokenizers.target, OpenTagTokenizer):
        limits.append(
            "`<+…>` は、タグのない言葉を文字で写したものです。"
            "jsl-seq2seq は、文にない文字を書かない約束を守らせますが、ここでは守らせません。"
        )
    yield "## 限界\n\n" + "\n".join(f"- {one}" for one in limits)
    if not is_shipped(model):
        yield "## ライセンス\n\n書かれていません。公開する前に、学習に使ったデータに合うものを書いてください。"


def _yaml(values: Any, indent: int = 0) -> Iterator[str]:
    """Mappings, lists, strings and numbers in YAML's block style; JSON's strings are YAML's."""
    space = "  " * indent
    if isinstance(values, dict):
        for key, value in values.items():
            if isinstance(value, dict | list):
                yield f"{space}{key}:"
                yield from _yaml(value, indent + isinstance(value, dict))
            else:
                yield f"{space}{key}: {format_json(value)}"
        return
    for value in values:
        if isinstance(value, dict):
            first, *rest = _yaml(value, indent + 1)
            yield f"{space}- {first.strip()}"
            yield from rest
        else:
            yield f"{space}- {format_json(value)}"
