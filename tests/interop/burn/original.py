"""What the original computes, from its own tree and in float64, and how it translates: written from the facts
of its source code in docs/burn.md, and sharing no code with the package.

No masks, no last LayerNorm, embeddings as they are, ReLU, sentences of length 10, arg-max over all entries.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from .synthetic import Original

CHARACTERS = [
    *"あいうえおかきくけこさしすせそたちつてとなにぬねのはひふへほまみむめもやゆよらりるれろわをん",
    *"がぎぐげござじずぜぞだぢづでどばびぶべぼぱぴぷぺぽ",
    *"ぁぃぅぇぉゃゅょっ",
    *"。、！？ ー",
]
TAGS = [
    *["朝", "昼", "夜", "ありがとう", "お願い", "挨拶"],
    *[
        "食べる",
        "飲む",
        "行く",
        "来る",
        "見る",
        "聞く",
        "言う",
        "寝る",
        "起きる",
        "歩く",
        "座る",
        "立つ",
        "読む",
        "書く",
    ],
    *[
        "やる",
        "いる",
        "家",
        "学校",
        "会社",
        "医",
        "駅",
        "公",
        "建物",
        "私",
        "あなた",
        "彼",
        "彼女",
        "これ",
        "それ",
    ],
    *["悲しい", "辛い", "寒い", "暑い", "楽しい", "怖い", "面白い", "厳しい"],
    *[
        "はい",
        "いいえ",
        "OK",
        "ダメ",
        "分かる",
        "分からない",
        "何",
        "なぜ",
        "原因",
        "どこ",
        "場所",
        "誰",
        "何時",
        "いくら",
    ],
    *["1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "千", "万", "億"],
    *["今", "明日", "昨日", "来週", "先週", "月", "日", "週", "年"],
]
SOS, EOS, PAD = 165, 166, 167
LENGTH = 10


def translate(original: Original, sentence: str) -> list[str]:
    """The tags of one sentence, as the original prints them."""
    entries = [*CHARACTERS, *TAGS]
    return [entries[row] for row in decoded(original, sentence) if len(CHARACTERS) <= row < SOS]


def decoded(original: Original, sentence: str) -> list[int]:
    """Every row that was chosen for one sentence, in order: at most 10; EOS, if it comes, is the last."""
    source = rows(sentence)
    chosen: list[int] = []
    while len(chosen) < LENGTH and EOS not in chosen:
        chosen.append(int(logits(original, source, [SOS, *chosen])[-1].argmax()))
    return chosen


def rows(sentence: str) -> list[int]:
    """The sentence as 10 rows of the vocabulary: padded, or cut."""
    found = [CHARACTERS.index(character) for character in sentence][:LENGTH]
    return [*found, *[PAD] * (LENGTH - len(found))]


def logits(original: Original, source: Sequence[int], target: Sequence[int]) -> np.ndarray:
    """10 source rows and the target rows so far, SOS first -> [T, V]."""
    tree = original.tree
    memory = embedded(tree["encoder"]["embedding"], source)
    for block in tree["encoder"]["encoder_blocks"]:
        normed = norm(memory, block["layer_norm1"])
        memory = memory + attend(normed, normed, block["attention"])
        memory = memory + feed_forward(norm(memory, block["layer_norm2"]), block["feed_forward"])
    x = embedded(tree["decoder"]["embedding"], target)
    for block in tree["decoder"]["decoder_blocks"]:
        normed = norm(x, block["layer_norm1"])
        x = x + attend(normed, normed, block["self_attention"])
        x = x + attend(norm(x, block["layer_norm2"]), memory, block["cross_attention"])
        x = x + feed_forward(norm(x, block["layer_norm3"]), block["feed_forward"])
    return linear(x, tree["decoder"]["output_projection"])


def embedded(table: np.ndarray, ids: Sequence[int]) -> np.ndarray:
    d_model = table.shape[1]
    found = []
    for position, index in enumerate(ids):
        row = table[index].astype(float)
        for i in range(d_model):
            angle = position / 10000 ** (2 * (i // 2) / d_model)
            row[i] += math.sin(angle) if i % 2 == 0 else math.cos(angle)
        found.append(row)
    return np.array(found)


def linear(x: np.ndarray, parameters: dict[str, Any]) -> np.ndarray:
    y = x @ parameters["weight"].astype(float)
    return y if parameters["bias"] is None else y + parameters["bias"]


def norm(x: np.ndarray, parameters: dict[str, Any]) -> np.ndarray:
    centred = x - x.mean(-1, keepdims=True)
    return (
        centred / np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-5) * parameters["gamma"]
        + parameters["beta"]
    )


def feed_forward(x: np.ndarray, parameters: dict[str, Any]) -> np.ndarray:
    return linear(np.maximum(linear(x, parameters["w_1"]), 0), parameters["w_2"])


def attend(x: np.ndarray, memory: np.ndarray, parameters: dict[str, Any]) -> np.ndarray:
    heads = []
    for w_q, w_k, w_v in zip(parameters["w_q"], parameters["w_k"], parameters["w_v"], strict=True):
        query, key, value = linear(x, w_q), linear(memory, w_k), linear(memory, w_v)
        scores = np.exp(query @ key.T / math.sqrt(query.shape[-1]))
        heads.append(scores / scores.sum(-1, keepdims=True) @ value)
    return linear(np.concatenate(heads, axis=-1), parameters["w_o"])
