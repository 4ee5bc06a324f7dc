"""CTranslate2 (https://opennmt.net/CTranslate2): its fast inference on CPU and GPU, also in 8 bits."""

from .export import export

__all__ = ["export"]
