"""Content-Transfer-Encoding undone: whatever can be had from what programs send (RFC 2045, section 6)."""

from __future__ import annotations

import binascii
import re

_BASE64_JUNK = re.compile(rb"[^A-Za-z0-9+/=\s]")


def decoded(raw: bytes, encoding: str, text: bool = False) -> bytes:
    """The bytes of a body; `encoding` in lower case. A text that only claims to be base64, or an unknown encoding, stays as it is."""
    if encoding == "base64":
        return raw if text and _only_claims_base64(raw) else base64(raw)
    if encoding == "quoted-printable":
        # Blanks behind a soft line end, which some relays add, are no part of the text.
        return binascii.a2b_qp(re.sub(rb"=[ \t]+(?=\r?\n)", b"=", raw) if b"= " in raw or b"=\t" in raw else raw)
    return _uudecoded(raw) if encoding in ("x-uuencode", "uuencode", "x-uue", "uue") else raw


def base64(raw: bytes) -> bytes:
    """The bytes, with lost padding, strange characters and a torn end forgiven."""
    try:
        return binascii.a2b_base64(raw)
    except binascii.Error:
        clean = re.sub(rb"[^A-Za-z0-9+/]", b"", raw.split(b"=", 1)[0])
        clean = clean[: len(clean) - (len(clean) % 4 == 1)]
        return binascii.a2b_base64(clean + b"=" * (-len(clean) % 4))


def _only_claims_base64(raw: bytes) -> bool:
    sample = raw[:2000]
    return len(_BASE64_JUNK.findall(sample)) * 20 > len(sample)


def _uudecoded(raw: bytes) -> bytes:
    begin = re.search(rb"^begin [0-7]{3,4} [^\r\n]*\r?\n", raw, re.MULTILINE)
    out = []
    for line in raw[begin.end() if begin else 0 :].splitlines():
        if line.strip() in (b"end", b"`", b""):
            continue
        try:
            out.append(binascii.a2b_uu(line))
        except binascii.Error:
            # Padding that some encoders add or lose: only the promised number of bytes counts.
            if line[:1]:
                length = (((line[0] - 32) & 63) * 4 + 5) // 3
                try:
                    out.append(binascii.a2b_uu(line[:length].ljust(length, b" ")))
                except binascii.Error:
                    break
    return b"".join(out)
