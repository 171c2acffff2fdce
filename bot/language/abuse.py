"""Abuse: mat, slurs and insults in Russian and English, in any disguise (regulation, clauses 4.2 and 4.6).

The lexicon (data/abuse.yaml) lists roots of the language, not words that somebody once wrote. A piece of text
without blanks is looked up in three ways: unchanged (by the patterns of the roots), as a disguise (against
whole forms, see `disguise`), and as typed with the wrong keyboard layout. Spaced letters, broken words and
insults aimed at the reader depend on the words around them and are searched for in the whole text. Every step
is linear.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from msgspec.structs import replace

from bot.language.abuse_lexicon import Entry, lexicon, sound
from bot.language.exemptions import Exemptions
from bot.language.insults import insults, kinds
from bot.language.normalisation import Normalised, normalise
from bot.language.obfuscation import HEAD, Form
from bot.language.word_forms import ALPHABET, known
from bot.model import Value
from bot.model.address import FOUND

_URL = re.compile(r"(?:https?://|www\.)\S+")
_CHUNK = re.compile(r"\S{1,80}")
_PIECE = re.compile(r"""[^\s,;:()«»„“”<>{}\[\]"]+""")
_RUSSIAN = re.compile(r"[а-я]{2,}")
# A piece with hidden or exchanged letters. Latin ones must show more: code is full of signs.
_SIGNS = r"*@#$%&!?.…_–—|/\\+^~=×•·'’`€£¥\u2600-\u27bf\U0001f000-\U0001faff-"
_MASKED = re.compile(
    rf"(?=.*[а-я])(?!\d+[^\wа-я])[*@#$%&!\d]?[а-яa-z\d]*(?:[а-я][a-z\d]|[a-z\d][а-я]|[{_SIGNS}]+)[а-яa-z\d{_SIGNS}]*"
)
_LATIN_MASKED = re.compile(r"(?=(?:[^a-z]*[a-z]){2})[a-z]+(?:[*@#$!]{1,4}[a-z]+){1,3}|(?=(?:[^a-z]*[a-z]){3})\d?[a-z]+(?:\d[a-z]+){1,3}")
_ONE_HIDDEN = re.compile(r"(?=.{4,20}$)[а-я]+[*@#$%][а-я]+")
_EDGE = """.,;:!?()[]{}<>«»„“”"'’`|/\\-–—_+=~^&…•·×"""
_MARKS = _EDGE + "*@#$%"
_SPACED = re.compile(r"(?<![^\W_])[^\W\d_](?:[\s.\-_*/\\|,~+=•·]{1,3}[^\W\d_](?![^\W_])){2,30}")
_LETTER = re.compile(r"[^\W_]")
_DOUBLED = re.compile(r"([а-я])\1")
_KEYS = str.maketrans("qwertyuiop[]asdfghjkl;'zxcvbnm,.`{}:\"<>~", "йцукенгшщзхъфывапролджэячсмитьбюехъжэбюе")
_LETTERS = str.maketrans("йцукенгшщзфывапролдячсмить", "qwertyuiopasdfghjklzxcvbnm")
_RUSSIAN_PIECE = re.compile(r"(?<!\w)[а-я]{1,12}(?!\w)")
LONGEST_BROKEN = 16  # letters of a word that may be broken into pieces
_NAMES = "имя"  # names that offend only if they are aimed at somebody


class Abuse(Value, frozen=True):
    """One finding. `start` and `end` are offsets in the original text, `words` is the text between them."""

    level: str  # obscene or insult
    root: str  # id of the entry in the lexicon
    start: int
    end: int
    words: str
    aimed: bool = True  # False for swearing that hits nobody: «пиздец, списали деньги»


class AbuseMatch(NamedTuple):
    """A finding in the normalised text."""

    start: int
    end: int
    root: str
    level: str


def find(text: str, normalised: Normalised | None = None, agents: frozenset[str] = frozenset()) -> tuple[Abuse, ...]:
    """All abuse in `text`, in order, without overlaps. `normalised` is the normalised text, if there is one already.

    `agents` are names of the staff, in lower case. Mail and web addresses are not language and never match; nor do
    titles, names and the like (bot.language.exemptions).
    """
    normalised = normalised or normalise(text)
    plain = normalised.text
    if "://" in plain or "www." in plain:
        plain = _URL.sub(lambda url: " " * len(url[0]), plain)
    if "@" in plain:
        plain = FOUND.sub(lambda address: " " * len(address[0]) if "." in address[0].partition("@")[2] else address[0], plain)
    found = [
        AbuseMatch(chunk.start() + start, chunk.start() + end, root, level)
        for chunk in _CHUNK.finditer(plain)
        for start, end, root, level in _in_chunk(chunk[0])
    ]
    found += _spaced(plain) + _broken(plain) + _phrases(plain)
    found += [AbuseMatch(start, end, "оскорбление", "insult") for start, end in insults(plain, agents)]
    abuses: list[Abuse] = []
    for one in sorted(found, key=lambda one: (one.start, -one.end)):
        start, end = normalised.span(one.start, one.end)
        if abuses and start < abuses[-1].end:
            if one.level == abuses[-1].level or one.level != "obscene":
                continue
            abuses.pop()  # an insult that contains an obscene word counts as that word
        abuses.append(Abuse(level=one.level, root=one.root, start=start, end=end, words=text[start:end]))
    exemptions = Exemptions(text, normalised, agents)
    kept = (one for one in abuses if not exemptions.holds(one.start, one.end, one.level, listed=_is_listed(one.words)))
    return tuple(one if one.level == "insult" or exemptions.aimed(one.start, one.end) else replace(one, aimed=False) for one in kept)


def _is_listed(words: str) -> bool:
    """Whether it is a word of the lexicon, not only built from one of its roots."""
    word = normalise(words.strip()).text
    return word in lexicon().russian.words or word in lexicon().english.words or word in kinds()


@lru_cache(maxsize=1 << 14)
def _in_chunk(chunk: str) -> tuple[AbuseMatch, ...]:
    """What is found in a run without blanks, with offsets within the run."""
    found: list[AbuseMatch] = []
    for piece in _PIECE.finditer(chunk):
        words = piece[0]
        here = [
            AbuseMatch(word.start(), word.end(), entry.entry, entry.level) for word in _RUSSIAN.finditer(words) if (entry := _russian(word[0]))
        ] or _disguised(words)
        found += [AbuseMatch(piece.start() + one.start, piece.start() + one.end, one.root, one.level) for one in here]
    return tuple(found or (_slipped(chunk) if chunk.isascii() else ()))


def _russian(word: str) -> Entry | Form | None:
    """The entry that a word in plain Russian letters belongs to."""
    for spelled in dict.fromkeys((word, _DOUBLED.sub(r"\1", word))):
        for entry in lexicon().words.candidates(spelled):
            if entry.match.search(spelled) and not (entry.unless and entry.unless.search(spelled)):
                return entry
    return _respelled(word)


def _respelled(word: str) -> Form | None:
    """The word behind one that is in no dictionary, or that makes sense only on the English layout."""
    respelled = lexicon().respelled
    form = respelled.get(word) or respelled.get("~" + sound(word))
    if not form and len(word) > 3:
        form = lexicon().english.words.get(word.translate(_LETTERS))
    return form if form and not known(word) else None


def _disguised(piece: str) -> list[AbuseMatch]:
    """What is meant by a piece that is not a plain Russian word."""
    core = piece.strip(_MARKS) if piece.isascii() or piece[0] == piece[-1] == "*" else piece.strip(_EDGE)
    form = _latin(core) if core.isascii() else _russian_form(core)
    start = piece.find(core)
    return [AbuseMatch(start, start + len(core), form.entry, form.level)] if form else []


def _russian_form(core: str) -> Entry | Form | None:
    russian = lexicon().russian
    if not _MASKED.fullmatch(core):
        return None
    return russian.words.get(core) or russian.meant(core) or russian.starred(core) or _one_hidden(core)


def _one_hidden(core: str) -> Entry | Form | None:
    """The obscene word behind «ра*пиздяй»: any letter instead of the sign that makes one, by the patterns of the roots."""
    if not _ONE_HIDDEN.fullmatch(core):
        return None
    left, _, right = re.split(r"([*@#$%])", core)
    meant = (_russian(left + letter + right) for letter in ALPHABET)
    return next((one for one in meant if one and one.level == "obscene"), None)


def _latin(core: str) -> Form | None:
    """The English or transliterated word behind `core`."""
    known = lexicon()
    if form := known.english.words.get(core) or known.respelled.get(core):
        return form
    if "fuck" in core:  # no harmless word contains it
        return known.english.words["fuck"]
    if core in known.latin_unless or not (core.isalpha() or _LATIN_MASKED.fullmatch(core)):
        return None
    if not core.isalpha() and (form := known.english.meant(core)):
        return form
    return known.russian.meant(core) if known.latin.search(core) else None


def _slipped(chunk: str) -> tuple[AbuseMatch, ...]:
    """Russian typed on the English layout: ",kznm". A final sign is a letter only after another sign."""
    known = lexicon()
    for core in (chunk, chunk.rstrip("!?)"), chunk.rstrip(".,!?)")):
        form = known.russian.words.get(core.translate(_KEYS))
        if form and form.word.isalpha() and core not in known.latin_unless and (core[-1:].isalpha() or not core[:-1].isalpha()):
            return (AbuseMatch(0, len(core), form.entry, form.level),)
    return ()


def _spaced(text: str) -> list[AbuseMatch]:
    """Words with separated letters: "б л я", "б.л.я", "ж/о\\п|а"."""
    found = []
    for run in _SPACED.finditer(text):
        letters = [(one.start(), one[0]) for one in _LETTER.finditer(text, run.start(), run.end())]
        for begin in range(2):  # the first letter may be another word: "и с у к а", "a c u n t"
            if len(letters) > begin + 2 and (entry := _joined(normalise("".join(letter for _, letter in letters[begin:])).text)):
                found.append(AbuseMatch(letters[begin][0], run.end(), entry.entry, entry.level))
                break
    return found


def _joined(word: str) -> Entry | Form | None:
    """The entry of the word that the letters make up; a short Latin one is more likely a formula."""
    return (_latin(word) if len(word) > 3 else None) if word.isascii() else _russian(word)


def _broken(text: str) -> list[AbuseMatch]:
    """Words that blanks break into pieces, not all of them words: "пиз дец", "пи зд ец"."""
    forms, heads, found = lexicon().russian.words, lexicon().russian.heads, []
    pieces = [(piece.start(), piece.end()) for piece in _RUSSIAN_PIECE.finditer(text)]
    for i, (start, stop) in enumerate(pieces):
        if stop - start >= HEAD and text[start : start + HEAD] not in heads:
            continue
        word, last = "", start
        for begin, end in pieces[i : i + 6]:
            word += text[begin:end]
            if begin - last > 3 or text[last:begin].strip(" -\n") or len(word) > LONGEST_BROKEN:
                break
            last = end
            form = forms.get(word) if begin > start else None
            if form and form.entry != _NAMES and not all(known(text[a:b]) for a, b in pieces[i : i + 6] if b <= end):
                found.append(AbuseMatch(start, end, form.entry, form.level))
    return found


def _phrases(text: str) -> list[AbuseMatch]:
    return [
        AbuseMatch(run.start(), run.end(), entry.entry, entry.level)
        for entry in lexicon().phrases.candidates(text)
        for run in entry.match.finditer(text)
    ]
