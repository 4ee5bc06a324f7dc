"""``jsl-seq2seq import-burn`` and ``export-burn``: models of the original Rust/Burn project, there and back."""

from __future__ import annotations

from pathlib import Path

from ..backends.registry import choose_backend
from ..errors import UserError
from ..interop.burn import export_burn, import_burn
from ..store.card import quoted
from ..tokenize import format_tags
from ..translate.translator import Translator
from .console import note, say

_TRIAL = ("わたしはたべます", "ありがとう", "おはようございます")


def run_import(directory: Path, destination: Path, quiet: bool) -> None:
    """Bring a model over, and show what it translates."""
    imported = import_burn(directory, destination)
    if quiet:
        say(str(destination))
        return
    model = imported.model
    config = model.config
    for line in imported.notes:
        note(f"注意: {line}")
    say(
        f"取り込みました: {imported.tensors} 個のテンソル、{model.n_parameters:,} 個のパラメーター"
        f"（d_model {config.d_model}、{config.n_heads} ヘッド、{config.n_layers}+{config.n_layers} 層、"
        f"d_ff {config.d_ff}、語彙 {config.vocab_size.source}）"
    )
    translator = Translator(model, choose_backend("ndarray"))
    for text in _TRIAL:
        try:
            say(f"  {text} → {format_tags(translator.translate(text).tags)}")
        except UserError as error:  # a vocabulary of its own may not have these characters
            say(f"  {text} → （{error.what}）")
    say(f"保存しました: {destination}")
    say(f'試す: jsl-seq2seq predict --load {quoted(destination)} "ありがとう"')


def run_export(directory: Path, destination: Path, quiet: bool) -> None:
    """Write an imported model back in the original's format."""
    size = export_burn(directory, destination)
    say(str(destination) if quiet else f"書き出しました: {destination}（model.bin {size:,} バイト）")
