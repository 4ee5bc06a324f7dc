"""The source's tokenizer and the target's spelling as one ``tokenizer.json`` of Hugging Face tokenizers.

Encoding reads a sentence, decoding writes tags: the joined vocabulary has both. A target's token is spelled with
:data:`MARK` in front, which decoding removes, so that the character 犬 and the tag <犬> are two entries. Pieces of tags
keep the mark that begins a tag, which decoding replaces by what stands between two tags.
"""

from __future__ import annotations

import re
from collections.abc import Set
from typing import Any

from ...tokenize import Tokenizers
from ...tokenize.normalize import Form, Map, Marks, Normalizer, Replace, Strip
from ...tokenize.subword import BLANK
from ...tokenize.tokenizer import (
    SLOTS,
    CharTokenizer,
    OpenTagTokenizer,
    SubwordTokenizer,
    TagTokenizer,
    TargetTokenizer,
    Tokenizer,
)

MARK = "\uf8ff"
"""A character of the private use area that no vocabulary has."""
PAD, SOS, EOS, UNKNOWN = "<pad>", "<s>", "</s>", "<unk>"

_KANA = "".join(map(chr, range(ord("ぁ"), ord("ゖ") + 1))) + "".join(
    map(chr, range(ord("ァ"), ord("ヶ") + 1))
)


def joined_tokens(tokenizers: Tokenizers) -> list[str]:
    """The joined vocabulary in id order."""
    source, target = tokenizers.source.vocabulary, tokenizers.target
    written = [MARK + _written(target, token) for token in target.vocabulary.tokens]
    return [PAD, SOS, EOS, *source.specials[3:], *source.tokens, *written, UNKNOWN]


def _written(target: TargetTokenizer, token: str) -> str:
    """A token in a decoded text, with the blank behind it where there is one; of pieces as it is."""
    if not target.segmentation.whole:
        return token
    if isinstance(target, OpenTagTokenizer):
        letter = token.startswith(target.OPEN) and len(token) == 2 and token != target.END
        if letter or token == target.BEGIN:
            return target.label(token)
    return (target.label(token) if isinstance(target, TagTokenizer) else token) + " "


def tokenizer_json(tokenizers: Tokenizers) -> dict[str, Any]:
    """The content of ``tokenizer.json``."""
    source = tokenizers.source
    tokens = joined_tokens(tokenizers)
    vocabulary = {token: index for index, token in enumerate(tokens)}
    specials = (PAD, SOS, EOS, UNKNOWN)
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [
            {
                "id": vocabulary[token],
                "content": token,
                "single_word": False,
                "lstrip": False,
                "rstrip": False,
                "normalized": False,
                "special": True,
            }
            for token in specials
        ],
        "normalizer": {
            "type": "Sequence",
            "normalizers": [*_normalizers(source.spelling), *_known(source)],
        },
        "pre_tokenizer": _pre_tokenizer(source),
        "post_processor": None,
        "decoder": {
            "type": "Sequence",
            "decoders": [
                _replace({"String": MARK}, ""),
                {"type": "Fuse"},
                *_joining(tokenizers.target),
            ],
        },
        "model": _model(source, vocabulary),
    }


def _joining(target: TargetTokenizer) -> list[dict[str, Any]]:
    """What the decoder does to the text of all tokens."""
    if target.segmentation.whole:
        return [_replace({"Regex": " $"}, "")]
    ends = _replace({"Regex": f"^{BLANK}+|{BLANK}+$"}, "")
    if not isinstance(target, TagTokenizer):
        return [ends, _replace({"Regex": f"{BLANK}+"}, target.separator)]
    brackets = [({"Regex": f"{BLANK}+"}, "> <"), ({"Regex": "^(?=.)"}, "<"), ({"Regex": "(?<=.)$"}, ">")]
    return [ends, *(_replace(pattern, by) for pattern, by in brackets)]


def tokenizer_config(longest: int) -> dict[str, Any]:
    """The content of ``tokenizer_config.json``."""
    return {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_max_length": longest,
        "model_input_names": ["input_ids", "attention_mask"],
        "clean_up_tokenization_spaces": False,
        "pad_token": PAD,
        "bos_token": SOS,
        "eos_token": EOS,
        "unk_token": UNKNOWN,
    }


def _model(source: Tokenizer, vocabulary: dict[str, int]) -> dict[str, Any]:
    if isinstance(source, SubwordTokenizer):
        return {"type": "BPE", "vocab": vocabulary, "merges": [list(merge) for merge in source.merges]}
    return {"type": "WordLevel", "vocab": vocabulary, "unk_token": UNKNOWN}


def _pre_tokenizer(source: Tokenizer) -> dict[str, Any]:
    if isinstance(source, CharTokenizer):
        return {"type": "Split", "pattern": {"Regex": r"[\s\S]"}, "behavior": "Isolated", "invert": False}
    if isinstance(source, SubwordTokenizer):
        return {"type": "Metaspace", "replacement": BLANK, "prepend_scheme": "always", "split": True}
    return {"type": "WhitespaceSplit"}


def _normalizers(normalizer: Normalizer) -> list[dict[str, Any]]:
    """The steps of a normalizer, without those for half surrogate pairs, which the library's texts do not have, and
    without the bound on runs of combining marks, which is there for the time that it saves."""
    found: list[dict[str, Any]] = []
    for step in normalizer.steps:
        if isinstance(step, Map):
            found += [_replace({"String": chr(code)}, by) for code, by in step.table.items()]
        elif isinstance(step, Replace):
            if "\ud800" not in step.pattern.pattern:
                found.append(_replace({"Regex": step.pattern.pattern}, step.by))
        elif isinstance(step, Form):
            found.append({"type": step.form})
        elif isinstance(step, Strip):
            found.append({"type": "Strip", "strip_left": True, "strip_right": True})
        elif not isinstance(step, Marks):
            raise TypeError(f"{type(step).__name__} has no counterpart in tokenizer.json")
    return found


def _known(source: Tokenizer) -> list[dict[str, Any]]:
    """Characters that the vocabulary lacks: the other kana, the first slot for a run of letters, or nothing."""
    if not isinstance(source, CharTokenizer | SubwordTokenizer):
        return []
    characters = {token for token in source.vocabulary.tokens if len(token) == 1} - set(SLOTS)
    if isinstance(source, SubwordTokenizer):
        return [_replace({"Regex": _not(characters | {" "})}, "")]
    found: list[dict[str, Any]] = []
    for kana in _KANA:
        if kana not in source.vocabulary and source.token_for(kana) is not None:
            found.append(_replace({"String": kana}, source.token_for(kana)))
    if SLOTS[0] in source.vocabulary:
        word = rf"[\p{{L}}\p{{N}}{''.join(SLOTS)}]"
        found.append(_replace({"Regex": rf"(?:(?={word}){_not(characters)})+"}, SLOTS[0]))
        characters.add(SLOTS[0])
    return [*found, _replace({"Regex": _not(characters)}, "")]


def _not(characters: Set[str]) -> str:
    """A regular expression for any other character."""
    return f"[^{''.join(map(re.escape, sorted(characters)))}]" if characters else r"[\s\S]"


def _replace(pattern: dict[str, str], by: str | None) -> dict[str, Any]:
    return {"type": "Replace", "pattern": pattern, "content": by}
