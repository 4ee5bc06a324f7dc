"""How Japanese verbs are inflected, for finding a word in a text without analysing the text."""

from __future__ import annotations

GODAN = {
    "う": "わいうえおっ", "く": "かきくけこいっ", "ぐ": "がぎぐげごい", "す": "さしすせそ", "つ": "たちつてとっ",
    "ぬ": "なにぬねのん", "ぶ": "ばびぶべぼん", "む": "まみむめもん", "る": "らりるれろっ",
}  # fmt: skip
"""Dictionary ending of a godan verb -> every kana that can stand in its place (っ, い and ん before て and た)."""
