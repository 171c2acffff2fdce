"""What a mail address is made of: it begins and ends where atext does (RFC 5322, section 3.2.3; RFC 6532).

So `o'brien@client.example` holds no `brien@client.example`, whoever is looked for, forgotten or let in.
"""

from __future__ import annotations

import re
from html import unescape
from urllib.parse import unquote

SPECIALS = "!#$%&'*+/=?^_`{|}~-"
ATEXT = rf"\w{re.escape(SPECIALS)}"  # for square brackets
LABEL = r"[^\W_](?:[\w-]{0,61}[^\W_])?"
MAILBOX = re.compile(rf"[{ATEXT}.]{{1,64}}@{LABEL}(?:\.{LABEL}){{0,20}}")  # one whole, such as root@localhost
# One in a text, with a dot in its domain; phones write o’brien@.
FOUND = re.compile(rf"(?<![{ATEXT}.])(?<!\w’)[{ATEXT}.]{{1,64}}@{LABEL}(?:\.{LABEL}){{1,20}}(?!-?\w)")
_IN_ATEXT = re.compile(rf"[{ATEXT}.]\Z|\w’\Z|=\r?\n\Z")  # a soft line end (RFC 2045, 6.7) parts nothing
# What sets an address off although it is atext: names in logs and in reports of mail servers, parts of a URL.
_NAMED = re.compile(
    r"(?:(?:\A|[\s;(])(?:smtp\.\w+|header\.\w+|[\w-]*from|to|who|by|words|sender|requester)=['\"]?"
    r"|\w:\S*[?&]\w+=|://\S*/)\Z",
    re.IGNORECASE,
)
_WRAPPED = re.compile(rf"(?:\A|[^{ATEXT}.])['*_`|~{{/]\Z")
REACH = 200  # characters before an address that tell whether it begins there


def begins(before: str, after: str) -> bool:
    """Whether an address begins between these pieces of a text, a page, a URL or a log, or ends a longer one.

    `before` has the last REACH characters before it, `after` begins behind its end. Marks around an address,
    as in *anna@example.org*, are none of its own.
    """
    plain = unescape(unquote(before))
    if not _IN_ATEXT.search(plain) or _NAMED.search(plain):
        return True
    return bool(_WRAPPED.search(plain)) and after[:1] == plain[-1:].replace("{", "}")
