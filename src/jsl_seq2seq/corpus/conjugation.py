"""Japanese conjugation, written from the conjugation class: the stems that templates build on.

A template writes ``{語:連用}ました``; this module supplies ``{語:連用}``. Kanji and kana spellings go
through the same function one after the other, so 食べ/たべ and 来/き come out of one table.
"""

from __future__ import annotations

from ..errors import UserError

VERB_CLASSES = ("五段", "一段", "サ変", "カ変")
ADJECTIVE_CLASSES = ("イ形", "良い形", "ナ形", "ナ形連")
NOUN_CLASS = "名"

VERB_FORMS = (
    "辞書",
    "連用",
    "未然",
    "て",
    "た",
    "たら",
    "ば",
    "意向",
    "命令",
    "可能",
    "可能略",
    "ちゃ",
    "とく",
    "目的",
    "受身",
    "使役",
    "使受",
    "ず",
)
ADJECTIVE_FORMS = ("辞書", "語幹", "連体", "様子")

_ROWS = {
    # dictionary ending: (a-row, i-row, e-row, o-row, te, ta)
    "う": ("わ", "い", "え", "お", "って", "った"),
    "く": ("か", "き", "け", "こ", "いて", "いた"),
    "ぐ": ("が", "ぎ", "げ", "ご", "いで", "いだ"),
    "す": ("さ", "し", "せ", "そ", "して", "した"),
    "つ": ("た", "ち", "て", "と", "って", "った"),
    "ぬ": ("な", "に", "ね", "の", "んで", "んだ"),
    "ぶ": ("ば", "び", "べ", "ぼ", "んで", "んだ"),
    "む": ("ま", "み", "め", "も", "んで", "んだ"),
    "る": ("ら", "り", "れ", "ろ", "って", "った"),
}

_SURU = {
    "辞書": "する", "連用": "し", "未然": "し", "て": "して", "た": "した", "ば": "すれば",
    "意向": "しよう", "命令": "しろ", "可能": "でき", "可能略": "でき", "受身": "され", "使役": "させ",
    "使受": "させられ", "ず": "せず",
}  # fmt: skip

# The kana of 来 changes with the form (くる, きます, こない); written with the kanji it does not.
_KURU = {
    "辞書": "くる", "連用": "き", "未然": "こ", "て": "きて", "た": "きた", "ば": "くれば",
    "意向": "こよう", "命令": "こい", "可能": "こられ", "可能略": "これ", "受身": "こられ", "使役": "こさせ",
    "使受": "こさせられ", "ず": "こず",
}  # fmt: skip

_HONORIFIC = ("くださる", "なさる", "いらっしゃる", "おっしゃる")


def conjugate(base: str, word_class: str, form: str) -> str:
    """One form of one word.

    Args:
        base: the dictionary form (食べる, 高い); for サ変 the part before する (勉強, or nothing for する
            itself); for ナ形 the part before だ (静か).
        word_class: one of VERB_CLASSES, ADJECTIVE_CLASSES, or 名.
        form: one of VERB_FORMS for verbs, ADJECTIVE_FORMS for adjectives and nouns.

    Raises:
        UserError: unknown class or form, or a base that the class cannot have.
    """
    if word_class in VERB_CLASSES:
        return _verb(base, word_class, form)
    if word_class in ADJECTIVE_CLASSES or word_class == NOUN_CLASS:
        return _adjective(base, word_class, form)
    raise UserError(
        f"活用の種類が分かりません: {word_class}",
        f"使えるもの: {'・'.join(VERB_CLASSES + ADJECTIVE_CLASSES)}",
        code="word-class-unknown",
        word_class=word_class,
    )


def check_base(base: str, word_class: str) -> str | None:
    """Why ``base`` cannot be a dictionary form of the class, in Japanese; None when it can."""
    if word_class == "五段" and (not base or base[-1] not in _ROWS):
        return f"五段の動詞「{base}」は、う段のかな（う・く・す…）で終わる必要があります。"
    if word_class == "一段" and (len(base) < 2 or base[-1] != "る"):
        return f"一段の動詞「{base}」は「る」で終わる必要があります。"
    if word_class == "カ変" and not base.endswith(("くる", "来る")):
        return f"カ変の動詞「{base}」は「来る」「くる」で終わる必要があります。"
    if word_class in ("イ形", "良い形") and not base.endswith("い"):
        return f"イ形容詞「{base}」は「い」で終わる必要があります。"
    return None


def _verb(base: str, word_class: str, form: str) -> str:
    if form not in VERB_FORMS:
        raise UserError(
            f"動詞の形が分かりません: {form}",
            f"使えるもの: {'・'.join(VERB_FORMS)}",
            code="form-unknown",
            form=form,
        )
    if form == "たら":
        return _verb(base, word_class, "た") + "ら"
    if form == "目的":  # 買い物に行く, but 飲みに行く
        return base if word_class == "サ変" and base else _verb(base, word_class, "連用")
    if form == "ちゃ":  # 食べてしまう -> 食べちゃう, 飲んでしまう -> 飲んじゃう
        te = _verb(base, word_class, "て")
        return te[:-1] + ("ちゃ" if te[-1] == "て" else "じゃ")
    if form == "とく":  # 買っておく -> 買っとく, 読んでおく -> 読んどく
        te = _verb(base, word_class, "て")
        return te[:-1] + ("と" if te[-1] == "て" else "ど")
    problem = check_base(base, word_class)
    if problem:
        raise UserError(problem, code="not-a-dictionary-form", base=base, word_class=word_class)
    if word_class == "サ変":
        return base + _SURU[form]
    if word_class == "カ変":
        tail = _KURU[form]
        return base[:-2] + ("来" + tail[1:] if base.endswith("来る") else tail)
    if word_class == "一段":
        return base[:-1] + {
            "辞書": "る", "連用": "", "未然": "", "て": "て", "た": "た", "ば": "れば",
            "意向": "よう", "命令": "ろ", "可能": "られ", "可能略": "れ", "受身": "られ", "使役": "させ",
            "使受": "させられ", "ず": "ず",
        }[form]  # fmt: skip
    return _godan(base, form)


def _godan(base: str, form: str) -> str:
    stem = base[:-1]
    a, i, e, o, te, ta = _ROWS[base[-1]]
    if base.endswith(("行く", "いく")):  # the one く-verb with って
        te, ta = "って", "った"
    if base.endswith(_HONORIFIC):
        i = "い"
    if base in ("ある", "有る"):  # the negative of ある is ない itself
        a, stem_a = "", ""
    else:
        stem_a = stem
    return {
        "辞書": base, "連用": stem + i, "未然": stem_a + a, "て": stem + te, "た": stem + ta,
        "ば": stem + e + "ば", "意向": stem + o + "う", "命令": stem + e,
        "可能": stem + e, "可能略": stem + e, "受身": stem_a + a + "れ", "使役": stem_a + a + "せ",
        # 飲まされる; 話させられる, because 話さされる is not said
        "使受": stem_a + a + ("せられ" if base[-1] == "す" else "され"), "ず": stem_a + a + "ず",
    }[form]  # fmt: skip


def _adjective(base: str, word_class: str, form: str) -> str:
    if form not in ADJECTIVE_FORMS:
        raise UserError(
            f"形容詞・名詞の形が分かりません: {form}",
            f"使えるもの: {'・'.join(ADJECTIVE_FORMS)}",
            code="form-unknown",
            form=form,
        )
    problem = check_base(base, word_class)
    if problem:
        raise UserError(problem, code="not-a-dictionary-form", base=base, word_class=word_class)
    if form == "様子":  # 高そう, 元気そう; よさそう has a さ of its own
        stem = _adjective(base, word_class, "語幹")
        return stem + ("さそう" if word_class == "良い形" else "そう")
    if word_class == "ナ形":
        return base + ("な" if form == "連体" else "")
    if word_class == "ナ形連":  # 同じ: 同じ人, not 同じな人
        return base
    if word_class == NOUN_CLASS:
        return base + ("の" if form == "連体" else "")
    if form != "語幹":
        return base
    if word_class == "良い形" and base.endswith("いい"):  # いい -> よくない; 頭がいい -> 頭がよくない
        return base[:-2] + "よ"
    return base[:-1]
