"""Mail addresses in text: an address begins and ends where atext does (RFC 5322, section 3.2.3; RFC 6532).

So `brien@client.example` is not found inside `o'brien@client.example`, neither in a search nor by `forget`.
"""

from __future__ import annotations

import re
from html import unescape
from urllib.parse import unquote

SPECIALS = "!#$%&'*+/=?^_`{|}~-"
ATEXT = rf"\w{re.escape(SPECIALS)}"  # to be put into a character class
LABEL = r"[^\W_](?:[\w-]{0,61}[^\W_])?"
MAILBOX = re.compile(rf"[{ATEXT}.]{{1,64}}@{LABEL}(?:\.{LABEL}){{0,20}}")  # whole, such as root@localhost
# An address within a text; its domain must have a dot. Phones write o’brien@.
FOUND = re.compile(rf"(?<![{ATEXT}.])(?<!\w’)[{ATEXT}.]{{1,64}}@{LABEL}(?:\.{LABEL}){{1,20}}(?!-?\w)")
_IN_ATEXT = re.compile(rf"[{ATEXT}.]\Z|\w’\Z|=\r?\n\Z")  # a soft line end (RFC 2045, 6.7) ends no address
# Atext that may come right before an address: names in logs and mail servers' reports, and parts of a URL.
_NAMED = re.compile(
    r"(?:(?:\A|[\s;(])(?:smtp\.\w+|header\.\w+|[\w-]*from|to|who|by|words|sender|requester)=['\"]?"
    r"|\w:\S*[?&]\w+=|://\S*/)\Z",
    re.IGNORECASE,
)
_WRAPPED = re.compile(rf"(?:\A|[^{ATEXT}.])['*_`|~{{/]\Z")
REACH = 200  # how many characters before an address are looked at


def begins(before: str, after: str) -> bool:
    """Whether an address found in a text, a page, a URL or a log really begins there.

    If not, it is the end of a longer one. `before` has the last REACH characters before it, `after` begins
    after its end. Marks around an address, as in *anna@example.org*, are not part of it.
    """
    plain = unescape(unquote(before))
    if not _IN_ATEXT.search(plain) or _NAMED.search(plain):
        return True
    return bool(_WRAPPED.search(plain)) and after[:1] == plain[-1:].replace("{", "}")
