"""Bytes of a stranger as text: what the label says, unless the bytes say otherwise.

Labels lie: utf-8 under windows-1251, koi8-r under us-ascii, text encoded twice. Russian mail is where this happens most, so a
reading is judged by how much it looks like Russian words; charset-normalizer is asked only where that says nothing.
"""

from __future__ import annotations

import codecs
import re
from functools import lru_cache
from itertools import pairwise

import charset_normalizer

# Names that mail programs write and Python does not know, and names that mean a larger set in practice (WHATWG encoding).
_ALIASES = {
    "x-mac-cyrillic": "mac_cyrillic", "x-mac-ukrainian": "mac_cyrillic", "macintosh": "mac_roman", "x-mac-roman": "mac_roman",
    "win-1251": "cp1251", "win1251": "cp1251", "windows1251": "cp1251", "x-cp1251": "cp1251", "cp-1251": "cp1251", "ansi": "cp1251",
    "windows-cp1251": "cp1251", "microsoft-cp1251": "cp1251", "koi8": "koi8_r", "koi-8": "koi8_r", "koi8r": "koi8_r", "koi-8-r": "koi8_r",
    "koi8u": "koi8_u", "koi8-ru": "koi8_u", "dos-866": "cp866", "ibm-866": "cp866", "alt": "cp866", "x-cp866": "cp866",
    "utf8mb4": "utf-8", "unicode": "utf-8", "unicode-1-1-utf-8": "utf-8", "x-unicode-2-0-utf-8": "utf-8", "unicode-1-1-utf-7": "utf-7",
    "x-unicode-2-0-utf-7": "utf-7", "csunicode11utf7": "utf-7", "x-utf-7": "utf-7", "iso-8859-1": "cp1252", "latin1": "cp1252",
    "latin-1": "cp1252", "iso8859-1": "cp1252", "x-iso-8859-1": "cp1252", "windows1252": "cp1252", "iso-8859-9": "cp1254",
    "gb2312": "gb18030", "gbk": "gb18030", "x-gbk": "gb18030", "gb_2312-80": "gb18030", "shift_jis": "cp932", "shift-jis": "cp932",
    "x-sjis": "cp932", "sjis": "cp932", "ks_c_5601-1987": "cp949", "ks_c_5601": "cp949", "euc-kr": "cp949", "iso-8859-11": "cp874",
    "tis-620": "cp874", "windows-874": "cp874", "iso-8859-8-i": "iso8859_8", "iso-8859-8-e": "iso8859_8", "iso-8859-6-i": "iso8859_6",
    "iso-2022-jp": "iso2022_jp_ext", "x-euc-jp": "euc_jp", "x-big5": "big5",
}  # fmt: skip
_NO_CHARSET = {"undefined", "idna", "punycode", "unicode_escape", "raw_unicode_escape", "mbcs", "oem", "rot_13", "utf-16-escape", "palmos"}
_ESCAPED = {"utf-7", "hz", "iso2022_jp", "iso2022_jp_ext", "iso2022_jp_2", "iso2022_jp_1", "iso2022_jp_3", "iso2022_kr", "iso2022_jp_2004"}
_VAGUE = {"", "ascii", "cp1252", "iso8859-1", "iso8859_1", "latin_1"}
_ASIAN = {"gb18030", "big5", "cp932", "cp949", "euc_jp", "euc_kr", "shift_jis", "gbk"}  # whose short texts may be valid UTF-8 by chance
_CYRILLIC = ("cp1251", "koi8_r", "cp866", "mac_cyrillic", "iso8859_5", "koi8_u")
_BOMS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))

_UTF8_PAIR = re.compile(rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}")
_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0e-\x1f\x7f\ud800-\udfff\ufeff\ufffe\uffff]")
_WORD = re.compile(r"[^\W\d_]+")
# Pairs of letters that ordinary Russian is made of: real words are full of them, misreadings are not.
_PAIRS = frozenset(
    word[i : i + 2]
    for word in _WORD.findall(
        "здравствуйте добрый день пожалуйста помогите подскажите спасибо уважением который после этого только может нужно когда если через "
        "сейчас будет просмотр фильма фильмы сериал подписка оплата оплатил деньги списали карта аккаунт пароль войти вход ошибка работает "
        "открывается показывает приложение телефон телевизор компьютер браузер страница сайт ссылка письмо ответ вопрос проблема служба "
        "поддержки обращение заявка номер заказ договор вложение привет всем отчёт счёт встреча завтра сегодня вчера понедельник январь "
        "февраля сентября человек жизнь время слово место работа город вопросы более очень можно быть были есть какой такой другой свой "
        "что как это все они мне меня вам вас нас его её у них при без для под над перед между также уже ещё даже чтобы потому который "
        "директор менеджер компания организация общество ответственностью москва россия улица дом квартира объявление съёмка пьёт вещь "
        "прошу выслать сообщить обновить удалить изменить получить отправить доставка товар цена рублей копеек хорошо плохо нельзя "
        "технический программа система настройка установка версия защита контент правообладатель видео звук качество скорость интернет"
    )
    for i in range(len(word) - 1)
)
_MOJIBAKE = re.compile(
    r"[ÐÑ][\u0080-\u00bf\u0152-\u0192\u02c6-\u2122]|[РС][\u0080-\u00bf\u0402-\u040f\u0452-\u045f\u0490\u0491\u2013-\u2122]|[À-ÿ]{3}|"
    r"[╨╤][\u0410-\u2593]|[┬├][\u0080-\u259f]|[а-яё][А-ЯЁ]{2}|[âÃÂ][\u0080-\u00bf\u20ac\u0152-\u2122]"
)
_MISREADINGS = (  # (the charset a text was wrongly read in, the one that it was written in)
    *((wrong, "utf-8") for wrong in ("cp1252", "latin_1", "cp1251", "cp866", "koi8_r", "mac_cyrillic")),
    ("cp1252", "cp1251"), ("latin_1", "cp1251"), ("cp1252", "koi8_r"), ("latin_1", "koi8_r"), ("cp1251", "koi8_r"), ("koi8_r", "cp1251"),
    ("cp1251", "cp866"), ("cp866", "cp1251"), ("latin_1", "cp866"), ("cp1251", "mac_cyrillic"),
)  # fmt: skip


@lru_cache(512)
def codec(label: str) -> str:
    """Python's name for a charset label, "" for one that is no charset or that nobody knows."""
    name = label.strip(" \t\r\n\"';,<>").lower().removeprefix("charset=").split("*")[0]
    name = _ALIASES.get(name) or _ALIASES.get(name.replace("_", "-")) or name
    try:
        found = codecs.lookup(name)
    except (LookupError, ValueError, TypeError):
        return ""
    return "" if found.name in _NO_CHARSET or not getattr(found, "_is_text_encoding", True) else found.name


def decode(data: bytes, label: str = "", hint: str = "") -> tuple[str, str]:
    """The text of `data`, and a defect ("" when the label was right or needed no thought).

    `hint` is a charset used elsewhere in the same letter, for bytes without a label. Line ends become \\n; NUL, controls
    and surrogates are gone. U+FFFD stays only where no right reading was found.
    """
    text, used = _read(data, codec(label), codec(hint))
    text = tidy(text)
    mended = mend(text)
    if mended != text:
        return mended, "text encoded twice"
    declared = codec(label)
    if "\ufffd" in text and b"\xef\xbf\xbd" not in data:
        return text, f"bytes that are no {used or 'text'}"
    if label and not declared:
        return text, f"unknown charset {tidy(label)[:40]!r}"
    return text, f"charset {declared} is wrong, read as {used}" if declared and used != declared else ""


def tidy(text: str) -> str:
    """Text with \\n as its only line end and without NUL, other controls, surrogates and byte order marks."""
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    return _CONTROLS.sub("", text)


def mend(text: str) -> str:
    """Text whose lines are turned back where they were encoded twice ("РџСЂРёРІРµС‚", "Ïðèâåò")."""
    if text.isascii() or not _MOJIBAKE.search(text):
        return text
    whole = _mended_line(text) if len(text) < 20_000 else text
    if whole != text and not _MOJIBAKE.search(whole):
        return whole
    return "\n".join(_mended_line(line) if _MOJIBAKE.search(line) else line for line in text.split("\n"))


def likeness(text: str) -> float:
    """How much the letters of a text look like words: about 1 for good Russian, 0 for nothing known, below 0 for noise."""
    good = bad = letters = 0
    for word in _WORD.findall(text[:6000]):
        if word.isascii():
            continue
        letters += len(word)
        lower = word.lower()
        pairs = sum(lower[i : i + 2] in _PAIRS for i in range(len(word) - 1))
        good += pairs
        # A capital after a small letter and a change of script inside a word are marks of a misreading.
        bad += sum(1 for a, b in pairwise(word) if (a.islower() and b.isupper()) or a.isascii() != b.isascii())
        bad += sum(1 for c in word if not ("а" <= c.lower() <= "я" or c in "ёЁ" or c.isascii()))
    strange = sum(1 for c in text[:6000] if c > "\x7f" and not c.isalpha() and c not in "«»—–…„“”‘’№ •€°§©®™")
    return (good - bad - strange) / max(1, letters + strange) if letters + strange else 0.0


def _mended_line(line: str) -> str:
    best, score = line, likeness(line) + 0.35
    for wrong, right in _MISREADINGS:
        try:
            again = line.encode(wrong).decode(right)
        except UnicodeError:
            continue
        found = likeness(again)
        # Bytes that make valid UTF-8 by chance are so rare that a neutral reading (a language other than Russian) is taken too.
        if right == "utf-8" and len(again) < len(line) and found >= 0 and _CONTROLS.search(again) is None:
            found = max(found, score - 0.3)
        if found > score:
            best, score = again, found
    return best


def _read(data: bytes, declared: str, hint: str) -> tuple[str, str]:
    """Text and the charset used."""
    if data.isascii():
        if declared in _ESCAPED or b"\x1b$" in data:
            return _escaped(data, declared)
        if declared.startswith(("utf-16", "utf-32")) and b"\x00" in data:
            return data.decode(declared, "replace"), declared
        return data.decode("ascii"), declared
    for mark, name in _BOMS:
        if data.startswith(mark):
            return data[len(mark) :].decode(name, "replace"), declared if declared.startswith(name[:6]) else name
    if declared in ("utf-7", "hz"):
        declared = ""
    utf8 = _strict(data, "utf-8")
    if utf8 is not None and not (declared in _ASIAN and len(data) < 24):
        return utf8, "utf-8"
    if declared.startswith(("utf-16", "utf-32")) or data.count(0) * 3 > len(data):
        name = declared or ("utf-16-le" if data[1::2].count(0) > data[::2].count(0) else "utf-16-be")
        return data.decode(name, "replace"), name
    if declared == "utf-8" or (declared in _VAGUE and _UTF8_PAIR.search(data)):
        mixed = _mixed(data, hint)
        if mixed is not None:
            return mixed, "utf-8"
    if declared and declared != "utf-8":
        text = _strict(data, declared)
        if text is not None and declared not in _VAGUE and declared not in _CYRILLIC:
            return text, declared
        return _judged(data, declared, text)
    return _judged(data, hint if hint not in ("utf-8", "ascii") else "", None)


def _judged(data: bytes, declared: str, text: str | None) -> tuple[str, str]:
    """The best reading among the Cyrillic charsets and the declared one, which wins unless another is clearly better."""
    if text is None and declared:
        text = _strict(data, declared) if declared not in _VAGUE or declared == "cp1252" else None
    best, used, score = text, declared, -9.0 if text is None else max(likeness(text), 0.0 if declared == "cp1252" else -9.0) + 0.15
    for name in _CYRILLIC:
        other = _strict(data, name)
        if other is not None and name != declared and (found := likeness(other)) > score + (0.02 if best is not None else 0):
            best, used, score = other, name, found
    if best is not None and score > 0.1 and (used in _CYRILLIC or declared):
        return best, used
    guess = charset_normalizer.from_bytes(data[:8000], cp_isolation=None, threshold=0.4).best() if len(data) > 12 else None
    name = codec(guess.encoding) if guess is not None and declared in _VAGUE else ""
    if name and name not in _CYRILLIC and (other := _strict(data, name)) is not None:
        return other, name
    if text is not None:
        return text, declared
    if declared and declared not in _VAGUE:
        return data.decode(declared, "replace"), declared
    return data.decode("cp1252", "replace") if best is None or score < -0.5 else best, used or "cp1252"


def _mixed(data: bytes, hint: str) -> str | None:
    """Text that is UTF-8 but for some lines or a cut character; None when it is hardly UTF-8 at all."""
    good = len(b"".join(_UTF8_PAIR.findall(data)))
    high = len(data) - len(data.translate(None, bytes(range(128, 256))))
    if good * 10 < high * 3:
        return None
    lines = []
    for line in data.split(b"\n"):
        text = _strict(line, "utf-8")
        if text is None:
            text = line.decode("utf-8", "replace") if _UTF8_PAIR.search(line) else _judged(line, hint, None)[0]
        lines.append(text)
    return "\n".join(lines)


def _strict(data: bytes, name: str) -> str | None:
    try:
        return data.decode(name)
    except (UnicodeError, LookupError, ValueError):
        return None


def _escaped(data: bytes, declared: str) -> tuple[str, str]:
    names = (declared, "iso2022_jp_ext", "iso2022_kr") if declared in _ESCAPED else ("iso2022_jp_ext", "iso2022_kr")
    for name in names:
        text = _strict(data, name)
        if text is not None:
            return text, name if b"\x1b$" in data else declared
    return data.decode(declared if declared in _ESCAPED else "ascii", "replace"), declared
