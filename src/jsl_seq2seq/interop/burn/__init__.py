"""Models of the original Rust/Burn project: reading them, and writing them back byte for byte."""

from .directories import Imported, export_burn, import_burn, original_bytes

__all__ = ["Imported", "export_burn", "import_burn", "original_bytes"]
