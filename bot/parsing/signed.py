"""The content of a letter that is signed and not encrypted: CMS SignedData around it (RFC 5652, RFC 8551, section 3.5.2).

No key is needed to read it; the signature is not checked, and proves nothing here. Linear; never raises.
"""

from __future__ import annotations

TYPES = ("application/pkcs7-mime", "application/x-pkcs7-mime")

_SIGNED_DATA = b"\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02"
_SEQUENCE, _SET, _OCTETS, _CONTEXT, _INTEGER, _OID = 0x30, 0x31, 0x04, 0xA0, 0x02, 0x06
_CONSTRUCTED = 0x20
_MOST_NESTED = 8


class _Broken(Exception):
    """These bytes have another form."""


def content(data: bytes) -> bytes | None:
    """The letter inside, with headers of its own; None if these bytes are no SignedData or hold no letter."""
    try:
        at = _inside(data, 0, _SEQUENCE)
        tag, start, at = _header(data, at)
        if tag != _OID or data[start:at] != _SIGNED_DATA:
            return None
        at = _inside(data, _inside(data, at, _CONTEXT), _SEQUENCE)
        for one in (_INTEGER, _SET):
            at = _after(data, at, one, 0)
        at = _after(data, _inside(data, at, _SEQUENCE), _OID, 0)
        return _octets(data, _inside(data, at, _CONTEXT), 0)[0]
    except (_Broken, IndexError):
        return None


def _header(data: bytes, at: int) -> tuple[int, int, int]:
    """The tag of the element, where its content begins and ends; -1: at an end mark (X.690, section 8.1.3.6)."""
    tag, size, start = data[at], data[at + 1], at + 2
    if size == 0x80:
        return tag, start, -1
    if size > 0x80:
        start += size & 0x7F
        size = int.from_bytes(data[at + 2 : start]) if start <= at + 10 else len(data) + 1
    if start + size > len(data):
        raise _Broken
    return tag, start, start + size


def _inside(data: bytes, at: int, wanted: int) -> int:
    """Where the content of this element begins, which has this tag."""
    tag, start, _ = _header(data, at)
    if tag != wanted:
        raise _Broken
    return start


def _after(data: bytes, at: int, wanted: int, depth: int) -> int:
    """Where the next element begins; `wanted`: the tag of this one, 0 for any."""
    tag, start, end = _header(data, at)
    if (wanted and tag != wanted) or depth > _MOST_NESTED:
        raise _Broken
    while end < 0:
        if data[start] == data[start + 1] == 0:
            return start + 2
        start = _after(data, start, 0, depth + 1)
    return end


def _octets(data: bytes, at: int, depth: int) -> tuple[bytes, int]:
    """An octet string, in one piece or in several, and where it ends."""
    tag, start, end = _header(data, at)
    if tag == _OCTETS and end >= 0:
        return data[start:end], end
    if tag != _OCTETS | _CONSTRUCTED or depth > _MOST_NESTED:
        raise _Broken
    pieces = list[bytes]()
    while start != end:
        if end < 0 and data[start] == data[start + 1] == 0:
            return b"".join(pieces), start + 2
        piece, start = _octets(data, start, depth + 1)
        pieces.append(piece)
    return b"".join(pieces), start
