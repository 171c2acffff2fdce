"""The tree of parts: what well-formed letters hold, and what hostile ones cost."""

from __future__ import annotations

import base64
from email.message import EmailMessage

import mailparser
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.parsing import extract, mime
from bot.parsing.mime import parse, values


def types(raw: bytes) -> list[str]:
    return [part.type for part in parse(raw)[0].walk()]


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=2000))
def test_any_bytes_have_a_tree(raw: bytes) -> None:
    root, _ = parse(raw)
    assert [part.number for part in root.walk()] == list(range(len(list(root.walk()))))


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from([b"--b", b"--b--", b"Content-Type: multipart/mixed; boundary=b", b"Content-Type: text/html", b"", b" x", b"x: y"])))
def test_any_order_of_boundary_lines_has_a_tree(lines: list[bytes]) -> None:
    root, _ = parse(b"Content-Type: multipart/mixed; boundary=b\n\n" + b"\n".join(lines))
    assert sum(1 for _ in root.walk()) <= mime.PARTS


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.text("абв xyz.,", min_size=1, max_size=80), st.binary(max_size=200)), max_size=4))
def test_well_formed_letters_are_read_as_mail_parser_reads_them(files: list[tuple[str, bytes]]) -> None:
    letter = EmailMessage()
    letter["From"], letter["Subject"] = "a@example.ru", "x"
    letter.set_content("Текст\n")
    for number, (name, data) in enumerate(files):
        letter.add_attachment(data, "application", "octet-stream", filename=f"{number}{name}")
    raw = letter.as_bytes()
    theirs = [base64.b64decode(one["payload"]) for one in mailparser.parse_from_bytes(raw).attachments]
    ours = [part.body() for part in parse(raw)[0].walk() if part.disposition == "attachment"]
    assert ours == theirs == [data for _, data in files]


def test_parts_are_numbered_in_walk_order_and_can_be_taken_out() -> None:
    raw = b"Content-Type: multipart/mixed; boundary=a\n\n--a\n\none\n--a\nContent-Transfer-Encoding: base64\n\ndHdv\n--a--\n"
    assert extract(raw, [(1, ""), (3, ""), (2, "")]) == [b"one", None, b"two"]


@pytest.mark.parametrize(
    ("body", "encoding", "expected"),
    [
        (b"dGV4dA", "base64", b"text"),  # padding lost
        (b"dGV4dA==\n\nlist footer", "base64", b"text\n\nlist footer"),
        (b"Plain words, in spite of what the header claims: !!!", "base64", b"Plain words, in spite of what the header claims: !!!"),
        (b"a=20=\nb=  \nc=ZZ", "Quoted-Printable", b"a bc=ZZ"),
        (b"begin 644 a.txt\n$=&5X=`\n`\nend\n", "x-uuencode", b"text"),
        (b"text", "x-nothing-known", b"text"),
    ],
)
def test_transfer_encodings_give_what_can_be_had(body: bytes, encoding: str, expected: bytes) -> None:
    root, _ = parse(f"Content-Transfer-Encoding: {encoding}\n\n".encode() + body)
    assert root.body() == expected


def test_an_attached_letter_is_a_leaf() -> None:
    assert types(b"Content-Type: message/rfc822\n\nContent-Type: multipart/mixed; boundary=a\n\n--a\n\nx\n--a--\n") == ["message/rfc822"]


@pytest.mark.parametrize("line_end", [b"\n", b"\r\n", b"\r"])
def test_line_ends_of_all_kinds_are_understood(line_end: bytes) -> None:
    raw = line_end.join([b"Content-Type: multipart/mixed;", b" boundary=a", b"", b"--a", b"", b"one", b"--a--", b""])
    root, defects = parse(raw)
    assert ([part.body() for part in root.children], defects) == ([b"one"], [])


@pytest.mark.parametrize(
    ("raw", "defect"),
    [
        (b"X: y\n" * 60_000 + b"\nbody", "headers too long"),
        (b"X: y\n" * 2_000 + b"Subject: z\n\nbody", "too many header lines"),
        (b"".join(b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n" % (i, i) for i in range(1000)), "nested too deeply"),
        (b"Content-Type: multipart/mixed; boundary=b\n\n" + b"--b\n\nx\n" * 5_000, "too many parts"),
        (b"Content-Type: multipart/mixed; boundary=b\n\nno boundary at all\n", "multipart without parts"),
    ],
)
def test_limits_cut_with_a_defect_and_never_fail(raw: bytes, defect: str) -> None:
    root, defects = parse(raw)
    parts = list(root.walk())
    assert defect in defects
    assert len(parts) <= mime.PARTS
    assert max(part.depth for part in parts) <= mime.NESTING


def test_needed_fields_are_taken_from_behind_too_many_lines() -> None:
    assert parse(b"X: y\n" * 2_000 + b"Subject: z\n\nbody")[0].field("subject") == b"z"


def test_a_body_without_a_blank_line_before_it_is_not_lost() -> None:
    root, defects = parse(b"Subject: z\nHello there,\nnothing plays.\n\nBye\n")
    assert (root.field("subject"), root.raw) == (b"z", b"Hello there,\nnothing plays.\n\nBye\n")
    assert defects == ["no blank line after the headers"]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b'text/plain; charset="utf-8"; format=flowed', ("text/plain", {"charset": b"utf-8", "format": b"flowed"})),
        (b"text/plain charset=utf-8", ("text/plain", {"charset": b"utf-8"})),
        (b'image/png; name="a\\"b;c.png"', ("image/png", {"name": b'a"b;c.png'})),
        (b"attachment; filename=my file.png", ("attachment", {"filename": b"my file.png"})),
        (b"x; name*0*=utf-8''a%20; name*1=b; name=c", ("x", {"name": b"c", "name*": b"utf-8''a b"})),
        (b"x; name*1=b; name*0=a", ("x", {"name": b"ab"})),
        (b"x; name*0*=a; name*=b", ("x", {"name*": b"a"})),
        (b";;;", ("", {})),
    ],
)
def test_parameters(value: bytes, expected: tuple[str, dict[str, bytes]]) -> None:
    assert values(value) == expected
