"""The peer of our training: the same model, data and schedule with stock PyTorch ``nn.Transformer``.

Run as a program it is the peer of a whole ``jsl-seq2seq --train`` command: it reads the starter corpus,
trains, and saves with ``torch.save``.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

if TYPE_CHECKING:
    import numpy as np

    from jsl_seq2seq.settings import ModelConfig

PAD, SOS, EOS = range(3)


class TorchPeer(nn.Module):
    """Pre-LN encoder-decoder Transformer out of PyTorch's own parts, masks and positions as ours."""

    def __init__(
        self,
        source_size: int,
        target_size: int,
        d_model: int,
        n_heads: int,
        n_layers: int,
        d_ff: int,
        dropout: float,
    ) -> None:
        super().__init__()
        self.d_model = d_model
        self.source_embedding = nn.Embedding(source_size, d_model)
        self.target_embedding = nn.Embedding(target_size, d_model)
        self.transformer = nn.Transformer(
            d_model, n_heads, n_layers, n_layers, d_ff, dropout, batch_first=True, norm_first=True
        )
        self.output_projection = nn.Linear(d_model, target_size)
        self.register_buffer("positions", _sinusoids(512, d_model))

    def forward(self, source: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        padding = source == PAD
        causal = nn.Transformer.generate_square_subsequent_mask(target.shape[1], device=target.device)
        hidden = self.transformer(
            self._embed(self.source_embedding, source),
            self._embed(self.target_embedding, target),
            tgt_mask=causal,
            src_key_padding_mask=padding,
            memory_key_padding_mask=padding,
            tgt_is_causal=True,
        )
        return self.output_projection(hidden)

    def _embed(self, embedding: nn.Embedding, ids: torch.Tensor) -> torch.Tensor:
        return embedding(ids) * math.sqrt(self.d_model) + self.get_buffer("positions")[: ids.shape[1]]


def _sinusoids(length: int, d_model: int) -> torch.Tensor:
    angles = torch.arange(length)[:, None] / 10000 ** (torch.arange(0, d_model, 2) / d_model)
    return torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(1)


class PeerTrainer:
    """Adam with warm-up and clipping on a :class:`TorchPeer` or its like, one batch of arrays at a time.

    Args:
        fused: PyTorch's fused Adam; ``None`` leaves the choice to PyTorch.
    """

    def __init__(
        self,
        model: nn.Module,
        learning_rate: float,
        warmup_steps: int,
        clip_norm: float,
        fused: bool | None = None,
    ) -> None:
        self.model, self.clip_norm = model.train(), clip_norm
        self.optimizer = torch.optim.Adam(
            model.parameters(), lr=learning_rate, betas=(0.9, 0.98), eps=1e-9, fused=fused
        )
        self.schedule = torch.optim.lr_scheduler.LambdaLR(
            self.optimizer, lambda step: min(1.0, (step + 1) / max(warmup_steps, 1))
        )
        self.loss = nn.CrossEntropyLoss(ignore_index=PAD)

    def update(self, source: torch.Tensor, target_in: torch.Tensor, target_out: torch.Tensor) -> torch.Tensor:
        return self.backward(self.forward(source, target_in, target_out))

    def forward(
        self, source: torch.Tensor, target_in: torch.Tensor, target_out: torch.Tensor
    ) -> torch.Tensor:
        """The loss."""
        logits = self.model(source, target_in)
        return self.loss(logits.flatten(0, 1), target_out.flatten())

    def backward(self, loss: torch.Tensor) -> torch.Tensor:
        """Learn from it."""
        self.optimizer.zero_grad()
        loss.backward()
        if self.clip_norm:
            nn.utils.clip_grad_norm_(self.model.parameters(), self.clip_norm)
        self.optimizer.step()
        self.schedule.step()
        return loss.detach()


def hugging_face_settings(config: ModelConfig) -> dict[str, Any]:
    """What Hugging Face's encoder-decoder models call our sizes and special ids."""
    sides = {
        f"{side}_{name}": value
        for side in ("encoder", "decoder")
        for name, value in {
            "layers": config.n_layers,
            "attention_heads": config.n_heads,
            "ffn_dim": config.d_ff,
        }.items()
    }
    return sides | {
        "d_model": config.d_model,
        "activation_function": "relu",
        "scale_embedding": True,
        "tie_word_embeddings": False,
        "pad_token_id": PAD,
        "bos_token_id": SOS,
        "eos_token_id": EOS,
        "decoder_start_token_id": SOS,
    }


def marian(config: ModelConfig) -> Any:
    """Hugging Face's Marian model of the same size, without dropout.

    Raises:
        ImportError: transformers is not installed.
    """
    transformers: Any = import_module("transformers")
    return transformers.MarianMTModel(
        transformers.MarianConfig(
            vocab_size=config.vocab_size.source,
            decoder_vocab_size=config.vocab_size.target,
            share_encoder_decoder_embeddings=False,
            dropout=0.0,
            attention_dropout=0.0,
            **hugging_face_settings(config),
            forced_eos_token_id=None,
        )
    )


def generating(model: Any, source: np.ndarray, tags: int, device: str = "cpu") -> Callable[[], np.ndarray]:
    """Hugging Face ``generate`` on source ids [B, S]: greedy, exactly ``tags`` tags -> [B, tags]."""
    model = model.to(device).eval()

    def write() -> np.ndarray:
        ids = torch.from_numpy(source).to(device)
        with torch.inference_mode():
            found = model.generate(
                input_ids=ids,
                attention_mask=torch.ones_like(ids),
                min_new_tokens=tags,
                max_new_tokens=tags,
                do_sample=False,
                num_beams=1,
            )
        return found[:, 1:].cpu().numpy()

    return write


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=200)
    parser.add_argument("--save", type=Path, required=True)
    arguments = parser.parse_args()

    from jsl_seq2seq.data import read_starter_corpus  # noqa: PLC0415
    from jsl_seq2seq.data.batching import epoch_order, make_batch  # noqa: PLC0415
    from jsl_seq2seq.data.encoding import encode_pairs  # noqa: PLC0415
    from jsl_seq2seq.settings import ModelConfig, TrainingConfig, VocabSize  # noqa: PLC0415
    from jsl_seq2seq.tokenize import Tokenizers  # noqa: PLC0415

    torch.manual_seed(0)
    corpus = read_starter_corpus()
    tokenizers = Tokenizers().learn(corpus.pairs)
    pairs = encode_pairs(corpus.pairs, tokenizers)
    config, training = ModelConfig(tokenizers.size), TrainingConfig()
    assert isinstance(config.vocab_size, VocabSize)
    model = TorchPeer(
        *(config.vocab_size.source, config.vocab_size.target),
        *(config.d_model, config.n_heads, config.n_layers, config.d_ff),
        dropout=training.dropout,
    )
    trainer = PeerTrainer(model, training.learning_rate, training.warmup_steps, training.clip_norm)
    loss = torch.tensor(0.0)
    for epoch in range(arguments.epochs):
        for indices in epoch_order(pairs, training.batch_size, training.seed, epoch):
            batch = make_batch([pairs[index] for index in indices])
            ids = (
                torch.from_numpy(part).long() for part in (batch.source, batch.target_in, batch.target_out)
            )
            loss = trainer.update(*ids)
    torch.save(model.state_dict(), arguments.save)
    print(f"loss {float(loss):.4f}")


if __name__ == "__main__":
    main()
