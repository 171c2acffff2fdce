"""Settings come from DESK_* variables; what is wrong is named, all at once, and no password is shown."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.settings import HostPort, Mailbox, RelayTarget, Settings, SettingsError


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch):
    for name in [name for name in os.environ if name.startswith("DESK_")]:
        monkeypatch.delenv(name)


def loaded(monkeypatch, **variables):
    for name, value in variables.items():
        monkeypatch.setenv(f"DESK_{name.upper()}", value)
    return Settings.load()


def test_nothing_set_is_a_desk_on_this_machine():
    settings = Settings.load()
    assert str(settings.smtp) == "127.0.0.1:8025"
    assert (settings.data, settings.secret_file, settings.rules) == (Path("data"), Path("data/secret"), Path("rules.yaml"))
    assert (settings.relay, settings.lmtp, settings.store, settings.tls_cert) == (None, None, None, None)
    assert (settings.undo, settings.plus, settings.caps, settings.return_path, settings.log) == (120, True, True, "verp", "info")
    assert settings.readers >= 1
    assert settings.trusted_relays == {}


def test_empty_variables_are_as_if_not_set(monkeypatch):
    assert loaded(monkeypatch, relay="", smtp="", undo="") == Settings.load()


def test_every_variable_is_read(monkeypatch, tmp_path):
    pem = tmp_path / "cert.pem"
    pem.write_text("PEM")
    settings = loaded(
        monkeypatch, smtp="[::1]:0", lmtp=":24", form="off", data="/srv/desk", relay="smtps://bot%40x.org:p%40ss%2Fword@mx.x.org",
        plus="OFF", caps="off", undo="0", readers="7", log="DEBUG", tls_cert=str(pem), tls_key=str(pem), store="postgresql://u:p@h/d",
        trusted_relays="192.0.2.7=mx.x.org, 2001:DB8::0:1=mx2.x.org", imap="imaps://u%40x.org@h/", imap_password_file=str(pem), **{"return": "plain"},
    )  # fmt: skip
    assert settings.smtp == HostPort("::1", 0)
    assert str(settings.smtp) == "[::1]:0"
    assert settings.lmtp == HostPort("", 24)
    assert settings.form is None
    assert settings.imap == Mailbox("h", 993, "tls", "u@x.org", "INBOX")
    assert settings.secret_file == Path("/srv/desk/secret")
    assert settings.relay == RelayTarget("mx.x.org", 465, "tls", "bot@x.org", "p@ss/word")
    assert (settings.plus, settings.caps, settings.undo, settings.readers, settings.log) == (False, False, 0, 7, "debug")
    assert settings.return_path == "plain"
    assert settings.trusted_relays == {"192.0.2.7": "mx.x.org", "2001:db8::1": "mx2.x.org"}


def test_a_settings_line_in_a_log_shows_no_password(monkeypatch):
    settings = loaded(monkeypatch, relay="smtp://u:geheim@h", store="postgresql://u:geheim@h/d")
    assert "geheim" not in f"{settings!r}{settings}"
    with pytest.raises(SettingsError) as refused:  # the password of a mailbox stands in a file
        loaded(monkeypatch, imap="imaps://u:geheim@h/")
    assert "DESK_IMAP_PASSWORD_FILE" in str(refused.value)
    assert "geheim" not in str(refused.value)


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("SMTP", "8025", "host:port"),
        ("SMTP", "127.0.0.1:70000", "host:port"),
        ("LMTP", "::1:24", "host:port"),
        ("FORM", "a b:80", "host:port"),
        ("RELAY", "mx.example.org:25", "smtp+starttls://"),
        ("RELAY", "smtp://host:port", "smtp+starttls://"),
        ("RELAY", "smtp://host/path", "smtp+starttls://"),
        ("STORE", "mysql://h/d", "postgresql://"),
        ("RETURN", "null", "verp or plain"),
        ("PLUS", "perhaps", "on or off"),
        ("CAPS", "2", "on or off"),
        ("UNDO", "-1", "0 to 86400"),
        ("UNDO", "2 minutes", "0 to 86400"),
        ("READERS", "0", "1 to 64"),
        ("LOG", "loud", "debug, info, warning or error"),
        ("TRUSTED_RELAYS", "192.0.2.7", "ip=authserv-id"),
        ("TRUSTED_RELAYS", "mx.example.org=mx.example.org", "ip=authserv-id"),
        ("TRUSTED_RELAYS", "192.0.2.7=mx example", "ip=authserv-id"),
    ],
)
def test_a_wrong_value_is_named_with_what_is_allowed(monkeypatch, name, value, allowed):
    with pytest.raises(SettingsError) as caught:
        loaded(monkeypatch, **{name: value})
    assert str(caught.value).startswith(f"DESK_{name}={value}: allowed is ")
    assert allowed in str(caught.value)


def test_all_faults_are_told_at_once_and_no_password_among_them(monkeypatch):
    with pytest.raises(SettingsError) as caught:
        loaded(monkeypatch, smtp="x", undo="x", relay="http://u:geheim@h", stor="x", rule="x", xyzzy="secret words")
    lines = str(caught.value).splitlines()
    assert len(lines) == 6
    assert "geheim" not in str(caught.value)
    assert "secret words" not in str(caught.value)
    assert any(line.startswith("DESK_STOR:") and line.endswith("did you mean DESK_STORE?") for line in lines)
    assert any(line.startswith("DESK_RULE:") and "DESK_RULES?" in line for line in lines)


def test_certificate_and_key_go_together_and_can_be_read(monkeypatch, tmp_path):
    with pytest.raises(SettingsError, match="DESK_TLS_CERT and DESK_TLS_KEY go together"):
        loaded(monkeypatch, tls_cert=__file__)
    with pytest.raises(SettingsError, match=r"DESK_TLS_KEY=.*/none: allowed is a PEM file"):
        loaded(monkeypatch, tls_key=str(tmp_path / "none"))


@given(st.text(alphabet="abc.:[]0125-@/ é", max_size=25))
def test_an_address_is_parsed_back_from_its_words_or_refused(text):
    try:
        found = HostPort.parse(text)
    except ValueError:
        return
    assert HostPort.parse(str(found)) == found
    assert 0 <= found.port <= 65535


@given(st.text(max_size=40))
def test_a_relay_is_a_target_or_a_value_error(text):
    try:
        found = RelayTarget.parse("smtp://" + text)
    except ValueError:
        return
    assert found.host
    assert 0 <= found.port <= 65535


def test_the_relays_password_may_stand_in_a_file_that_is_read_at_each_login(monkeypatch, tmp_path):
    with pytest.raises(SettingsError, match="DESK_RELAY_PASSWORD_FILE=: allowed is a file"):
        loaded(monkeypatch, relay="smtps://bot%40x.org@mx.x.org")
    path = tmp_path / "password"
    path.write_text("geheim\n")
    settings = loaded(monkeypatch, relay="smtps://bot%40x.org@mx.x.org", relay_password_file=str(path))
    assert settings.relay.secret() == "geheim"
    path.write_text("newer")
    assert (settings.relay.secret(), "newer" in repr(settings)) == ("newer", False)
