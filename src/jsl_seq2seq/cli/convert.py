"""``jsl-seq2seq import-burn`` and ``export-burn``: models of the original Rust/Burn project, there and back."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from ..backends.registry import choose_backend
from ..errors import UserError
from ..interop import burn
from ..model import count_parameters
from ..store.card import quoted
from ..tokenize import format_tags
from ..translate.translator import Translator
from . import options as opt
from .console import note, say

_TRIAL = ("わたしはたべます", "ありがとう", "おはようございます")


def import_burn(
    directory: Annotated[Path, opt.argument("元のプロジェクトのモデル（model.bin と config.json）")],
    destination: Annotated[Path, opt.argument("保存先のフォルダー", "DIR2")],
    quiet: opt.Quiet = False,
) -> None:
    imported = burn.import_burn(directory, destination)
    if quiet:
        say(str(destination))
        return
    model = imported.model
    config = model.config
    for line in imported.notes:
        note(f"警告: {line}")
    say(
        f"取り込みました: {imported.tensors} 個のテンソル、{count_parameters(model.config):,} 個のパラメーター"
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


def export_burn(
    directory: Annotated[Path, opt.argument("import-burn で取り込んだモデル")],
    destination: Annotated[Path, opt.argument("書き出し先のフォルダー", "DIR2")],
    quiet: opt.Quiet = False,
) -> None:
    size = burn.export_burn(directory, destination)
    say(str(destination) if quiet else f"書き出しました: {destination}（model.bin {size:,} バイト）")
