"""Letters of hostile shapes, whatever their size: each once took a reader longer than a letter may."""

from __future__ import annotations

from collections.abc import Callable

HEAD = b"From: Eve <eve@evil.example>\r\nTo: support@providence.film\r\nSubject: Hello\r\n"
HEAD += b"Message-ID: <1@evil.example>\r\n"
HIGH = bytes(range(128, 256))  # no charset makes sense of them


def run(token: str | bytes, size: int) -> bytes:
    """The token again and again."""
    piece = token.encode() if isinstance(token, str) else token
    return (piece * (size // len(piece) + 1))[:size]


def body(kind: str, token: str | bytes, start: bytes = b"") -> Callable[[int], bytes]:
    """A letter of one part."""
    return lambda size: HEAD + f"Content-Type: {kind}\r\n\r\n".encode() + start + run(token, size)


def texts(kind: str, token: str | bytes) -> Callable[[int], bytes]:
    """A letter of many texts."""
    return parts(lambda size: f"Content-Type: {kind}\r\n\r\n".encode() + run(token, size))


def parts(piece: Callable[[int], bytes], count: int = 900) -> Callable[[int], bytes]:
    """A letter of many parts."""
    mark = b"--xyzzy\r\n"
    head = HEAD + b"Content-Type: multipart/mixed; boundary=xyzzy\r\n\r\n"
    return lambda size: head + (mark + piece(size // count) + b"\r\n") * count + b"--xyzzy--\r\n"


def nested(size: int) -> bytes:
    """Each boundary is the beginning of the next one."""
    marks = [b"b" * (at + 1) for at in range(49)]
    levels = (b"Content-Type: multipart/mixed; boundary=%s\r\n\r\n--%s\r\n" % (mark, mark) for mark in marks)
    return HEAD + b"".join(levels) + run("--bbbb", size)


def named(size: int) -> bytes:
    """A file with a long name."""
    return b'Content-Type: application/x; name="' + run(HIGH, size) + b'"\r\n\r\nx'


def returned(size: int) -> bytes:
    """The headers of a letter that came back, or so they say."""
    return b"Content-Type: text/rfc822-headers\r\n\r\n" + run("message-id:\r\n", size)


PLAIN, HTML = "text/plain; charset=utf-8", "text/html; charset=utf-8"
SHAPES: dict[str, tuple[Callable[[int], bytes], int]] = {
    "ampersands": (body(HTML, "&"), 2_000_000),
    "soft hyphens": (body(HTML, "\xad"), 2_000_000),
    "lines of HTML that look like attributions": (body(HTML, "<br>&lt;a@b.c&gt;"), 4_000_000),
    "addresses": (body(PLAIN, "<a@b.c>\n"), 2_000_000),
    "copies of message-id:": (body(PLAIN, "message-id: <a@b>\n"), 2_000_000),
    "a charset for each line": (body(PLAIN, "я".encode() + b"\n\xcf\n"), 4_000_000),
    "boundaries on one line": (body("multipart/mixed; boundary=x", "--x"), 4_000_000),
    "boundaries in each other": (nested, 4_000_000),
    "headers of headers": (parts(returned, 60), 18_000_000),
    "texts in no charset": (texts("text/plain", HIGH), 4_000_000),
    "many texts of HTML": (texts("text/html", "<p>a"), 4_000_000),
    "names in no charset": (parts(named), 4_000_000),
}


def many_files(sender: str, count: int = 900) -> bytes:
    """A small letter with many small files of text, in whosever name."""
    head = f"From: {sender}\r\nTo: support@providence.film\r\nSubject: Files\r\n".encode()
    head += b"Content-Type: multipart/mixed; boundary=xyzzy\r\n\r\n--xyzzy\r\n\r\n#help\r\n"
    file = b"--xyzzy\r\nContent-Type: text/plain\r\nContent-Disposition: attachment; filename=a.txt\r\n\r\n"
    return head + (file + b"I, a file, hold words of no weight, many of them.\r\n") * count + b"--xyzzy--\r\n"
