"""A stranger's bytes as text: decoded as the label says, unless the bytes show otherwise.

Labels are often wrong: UTF-8 labelled windows-1251, KOI8-R labelled us-ascii, text encoded twice. This
happens most in Russian mail, so a decoding is judged by how much it looks like Russian words.
charset-normalizer is used only if that tells nothing.
"""

from __future__ import annotations

import codecs
import re
from functools import lru_cache

import charset_normalizer

from bot.model.markup import clean
from bot.parsing.vocabulary import table

_TABLES = table("charsets")
_ALIASES = {alias: name for name, aliases in _TABLES["aliases"].items() for alias in aliases.split()}
_NO_CHARSET = {"undefined", "idna", "punycode", "unicode-escape", "raw-unicode-escape", "mbcs", "oem", "rot13"}
_ESCAPED = {"utf-7", "hz", "iso2022_jp", "iso2022_jp_ext", "iso2022_jp_2", "iso2022_jp_1", "iso2022_jp_3", "iso2022_kr", "iso2022_jp_2004"}
_VAGUE = {"", "ascii", "cp1252", "iso8859-1"}
_CYRILLIC = {"cp1251": 0, "koi8-r": 1, "cp866": 3, "mac-cyrillic": 4, "iso8859-5": 3, "koi8-u": 3}  # and how much rarer than the first
_FOREIGN = ["gb18030", "big5", "euc_jp", "cp932", "cp949", "cp1250", "cp1252", "cp1253", "cp1254", "cp1255", "cp1256", "cp874"]
_BOMS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))

_UTF8_PAIR = re.compile(rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}")
_LINE_ENDS = re.compile("\r\n|[\r\x0b\x0c]")
_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0e-\x1f\x7f\ud800-\udfff\ufeff\ufffe\uffff]")
# A capital after a small letter is not counted: Outlook for Mac writes an ellipsis as a byte of its own.
_NO_LETTER = re.compile("(?<=[a-zß-öø-ÿ])[ŠŒŽŸ]")
_CUT_LETTER = re.compile(rb"[\xc2-\xf4][\x80-\xbf]{0,2}\Z")
# What Russian text does not contain. If the labelled Cyrillic charset yields it, the others are tried.
_ODD = re.compile(r"[^\x00-\x7fа-яА-ЯёЁ«»—–…№\xa0]|[а-яё][А-ЯЁ]")

MOST_JUDGED = 500  # lines of one text; further ones are read like the last of these

# Wrongly decoded Russian consists of real letters; only which letters follow each other gives it away.
_TRIGGER = re.compile(  # what nearly every text that was encoded twice contains
    r"[\u0080-\u009f\u2500-\u259f]|[ÐÑâÃÂ][^\s\w]|[ÐÑÃÂ][\u00a0-\u00ff\u0152-\u0192]|[À-ÿ]{3}|[РСГВ][^\s\wа-яё]|[РС][\u0402-\u040f\u0452-\u045f\u0490\u0491]|"
    r"[а-яё][А-ЯЁ]{2}|[А-ЯЁ]{4}"
)
_HIGH = re.compile(r"[a-zA-Z]?[^\x00-\x7f]{1,60}[a-zA-Z]?")  # longer runs are not words
# Each letter's row and column in the table of pairs (log2 of their share); number 0 is the blank.
_LETTERS = {letter: index for index, letter in enumerate(" абвгдежзийклмнопрстуфхцчшщъыьэюя")} | {"ё": 6, "і": 9, "ї": 9, "є": 6, "ґ": 4, "ў": 20}
_FOLLOWS = [[int(digit) - 9 for digit in row] for row in _TABLES["follows"].split()]
_DASHES = frozenset("–—…")
_QUOTES, _SIGNS = frozenset("«»—–…\u00a0"), frozenset("„“”‘’•№°§©®™€£·")
_MISREADINGS = [pair.split() for pair in _TABLES["misreadings"]]


@lru_cache(512)
def codec(label: str) -> str:
    """Python's name for a charset label, "" if it is unknown or no charset."""
    name = label.strip(" \t\r\n\"';,<>").lower().removeprefix("charset=").split("*")[0]
    name = _ALIASES.get(name) or _ALIASES.get(name.replace("_", "-")) or name
    try:
        found = codecs.lookup(name)
    except (LookupError, ValueError, TypeError):
        return ""
    return "" if found.name.replace("_", "-") in _NO_CHARSET or not getattr(found, "_is_text_encoding", True) else found.name


def decode(data: bytes, label: str = "", hint: str = "") -> tuple[str, str]:
    """The text of `data`, and a defect ("" if the label was right or does not matter).

    `hint` is a charset used elsewhere in the same letter, for bytes without a label. The text is `clean`; it
    has U+FFFD only if no correct decoding was found.
    """
    text, used = _read(data, codec(label), codec(hint))
    text = _CONTROLS.sub("", _LINE_ENDS.sub("\n", text))
    mended = mend(text)  # before `clean`, because C1 controls are a sign of a wrong decoding
    if mended != text:
        return clean(mended), "text encoded twice"
    text = clean(text)
    declared = codec(label)
    if "\ufffd" in text and b"\xef\xbf\xbd" not in data:
        return text, f"bytes that are no {used or 'text'}"
    if label and not declared:
        return text, f"unknown charset {label[:40]!r}"
    return text, f"charset {declared} is wrong, read as {used}" if declared and used != declared else ""


def _read(data: bytes, declared: str, hint: str) -> tuple[str, str]:
    """The text and the charset that was used."""
    if b"\x00" in data and (wide := _wide(data, declared)):
        return data.decode(wide, "replace"), wide
    if data.isascii():
        if declared in _ESCAPED or b"\x1b$" in data:
            return _escaped(data, declared)
        return data.decode("ascii"), declared
    for mark, name in _BOMS:
        if data.startswith(mark):
            return data[len(mark) :].decode(name, "replace"), declared if declared.startswith(name[:6]) else name
    if declared in _ESCAPED:
        for name in ("euc_jp", "cp932") if declared.startswith("iso2022_jp") else ():
            if (text := _strict(data, name)) is not None and "\ufffd" not in text:
                return text, name
        declared = ""
    return _read_as_utf8(data, declared) or _guessed(data, declared, hint)


def _read_as_utf8(data: bytes, declared: str) -> tuple[str, str] | None:
    utf8 = _strict(data, "utf-8")
    if utf8 is None and (cut := _CUT_LETTER.search(data)) and _UTF8_PAIR.search(data):
        utf8 = _strict(data[: cut.start()], "utf-8")
    if utf8 is None:
        return None
    # A few bytes of another charset may be valid UTF-8 by chance.
    other = _strict(data, declared) if declared not in _VAGUE and declared != "utf-8" and len(data) < 60 else None
    return (utf8, "utf-8") if other is None or _likeness(utf8)[0] > _likeness(other)[0] + 4 else (other, declared)


def _guessed(data: bytes, declared: str, hint: str) -> tuple[str, str]:
    if declared == "utf-8" or (declared in _VAGUE and _UTF8_PAIR.search(data)):
        mixed = _mixed(data, hint)
        judged, used = _judged(data, "" if declared == "utf-8" else declared, None)
        if mixed is not None and _likeness(mixed)[0] + 10 * (declared == "utf-8") > _likeness(judged)[0]:
            return mixed, "utf-8"
        return judged, used
    if declared:
        text = _strict(data, declared)
        if text is not None and declared not in _VAGUE and declared not in _CYRILLIC:
            return text, declared
        return _judged(data, declared, text)
    return _judged(data, "", None, hint)


def _wide(data: bytes, declared: str) -> str:
    """UTF-16 or UTF-32 without a mark, or "": in Latin and Cyrillic text every second byte is then 0 or 4."""
    if declared.startswith(("utf-16", "utf-32")) or data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return declared if declared.startswith("utf-") and declared != "utf-8" else "utf-16"
    halves = (("utf-16-le", data[1::2]), ("utf-16-be", data[::2]))
    return next((name for name, half in halves if len(half) > 3 and len(half.translate(None, b"\0\4")) * 10 < len(half)), "")


def _judged(data: bytes, declared: str, text: str | None, hint: str = "") -> tuple[str, str]:
    """The likeliest decoding: a Cyrillic charset, Latin-1 or the declared one, which needs less evidence."""
    known = declared not in ("", "ascii")
    if not known or declared in _VAGUE:
        text = data.decode("cp1252", "replace") if text is None else text
        declared, text = "cp1252", _NO_LETTER.sub("", text)
    best, used, score = None, "", float("-inf")
    if text is not None:
        found, count = _likeness(text)
        if declared in _CYRILLIC and found > -4 * count and not _ODD.search(text):
            return text, declared
        best, used, score = text, declared, found + (0 if not known else 8 if declared == "cp1252" or _ODD.search(text) else 16)
    for name, rarity in _CYRILLIC.items():
        other = _strict(data, name) if name != declared else None
        if other is not None and (found := _likeness(other)[0] - rarity + 4 * (name == hint)) > score:
            best, used, score = other, name, found
    if best is None:
        return data.decode(declared or "cp1251", "replace"), declared or "cp1251"
    if len(data) > 20 and not known and score < -6.5 * _likeness(best)[1]:
        guess = charset_normalizer.from_bytes(data[:4000], cp_isolation=[hint, *_FOREIGN] if hint else _FOREIGN).best()
        name = codec(guess.encoding) if guess is not None else ""
        if name and (other := _strict(data, name)) is not None:
            return other, name
    return best, used


def _mixed(data: bytes, hint: str) -> str | None:
    """The text if it is UTF-8 except for some lines or a cut character; None if it hardly is."""
    good = len(b"".join(_UTF8_PAIR.findall(data)))
    high = len(data) - len(data.translate(None, bytes(range(128, 256))))
    if good * 10 < high * 3:
        return None
    lines, judged, used = [], 0, ""
    for line in data.split(b"\n"):
        text = _strict(line, "utf-8")
        if text is None and _UTF8_PAIR.search(line):
            text = line.decode("utf-8", "replace")
        elif text is None and judged < MOST_JUDGED:
            (text, used), judged = _judged(line, hint, None), judged + 1
        lines.append(line.decode(used, "replace") if text is None else text)
    return "\n".join(lines)


def _strict(data: bytes, name: str) -> str | None:
    try:
        return data.decode(name)
    except (UnicodeError, LookupError, ValueError):
        return None


def _escaped(data: bytes, declared: str) -> tuple[str, str]:
    """Text in a 7-bit charset with escape sequences (RFC 1468, RFC 2152)."""
    names = (declared, "iso2022_jp_ext", "iso2022_kr") if declared in _ESCAPED else ("iso2022_jp_ext", "iso2022_kr")
    for name in names:
        if (text := _strict(data, name)) is not None:
            return text, name if b"\x1b$" in data else declared
    # Programs use characters of later versions, such as №, under the name of the first version.
    later = _strict(data.replace(b"\x1b$B", b"\x1b$(Q"), "iso2022_jp_2004")
    return (later, names[0]) if later is not None else (data.decode(names[0], "replace"), declared)


def _likeness(text: str) -> tuple[float, int]:
    """How likely the non-ASCII characters of a text are (log2, so below 0), and how many were looked at.

    Russian letters are judged by their neighbours. Capitals after small letters, two scripts in a word and
    symbols inside words are signs of a wrong decoding. The cost of other letters is set so that a language
    written with them still wins over Cyrillic noise.
    """
    total, count = 0.0, 0
    for match in _HIGH.finditer(text, 0, 6000):
        row, before, small = 0, "", False  # row: of the previous Russian letter, 0 at the start of a word
        for char in match[0]:
            column = _LETTERS.get(char.lower(), -1)
            if column >= 0:
                total += _FOLLOWS[row][column] - (char in "іїєґўІЇЄҐЎ")
                total -= 9 * (before.isascii() and before != "") + 7 * (before in _DASHES)
            elif char.isascii():
                total -= 9 if row else 5  # Latin fits beside Latin-1, not beside Cyrillic
            elif char.isalpha():
                total -= 14 if "\u0400" <= char <= "\u04ff" else 5 if not before or before.isascii() else 9
            else:
                total -= 3 if char in _QUOTES else 6 if char in _SIGNS else 10
            if column < 0 and row and not char.isalpha():
                total += _FOLLOWS[row][0]
            total -= 8 * (small and char.isupper())
            row, small, before = max(column, 0), char.islower(), char
        total += _FOLLOWS[row][0] if row else 0
        count += len(match[0])
        if count > 600:
            break
    sample = text[:6000]
    total -= 8 * abs(sample.count("«") - sample.count("»")) + 8 * (sum(map(sample.count, "„“”")) % 2)
    return total, count


def mend(text: str) -> str:
    """The text with each line repaired that was encoded twice ("РџСЂРёРІРµС‚", "Ïðèâåò")."""
    if text.isascii() or not _TRIGGER.search(text):
        return text
    whole = _mended(text) if len(text) < 20_000 else text
    if whole != text:
        return whole
    return "\n".join(_mended(line) if _TRIGGER.search(line) else line for line in text.split("\n", 2000))


def _mended(line: str) -> str:
    best, (score, _) = line, _likeness(line)
    found, needed = score, 12.0
    for wrong, right in _MISREADINGS:
        try:
            again = line.encode(wrong).decode(right)
        except UnicodeError:
            continue
        new, _ = _likeness(again)
        # Bytes are hardly ever valid UTF-8 by chance: any likelier reading is right, even one not in Russian.
        if new > found + (0 if best != line else 2 if right == "utf-8" else needed) and not re.search(r"[\x00-\x08\x0b-\x1f\x7f]", again):
            best, found = again, new
    return best
