"""The form in a real browser, behind a real daemon: what a user fills in becomes a ticket, and what the page looks like.

TEST_SHOTS=FOLDER keeps the pictures of the page, to be looked at.
"""

from __future__ import annotations

import http.client
import http.server
import os
import threading
import urllib.parse
from pathlib import Path

import pytest
from daemon import Running, text_of
from desk import ROOT, picture
from peers import block, program

SHOTS = os.environ.get("TEST_SHOTS", "")


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    with Running(tmp_path_factory.mktemp("form") / "data", DESK_FORM="127.0.0.1:0", DESK_READERS="1") as running:
        yield running


@pytest.fixture(scope="module")
def browser():
    sync = pytest.importorskip("playwright.sync_api")
    chromium = program("chromium")
    with sync.sync_playwright() as play:
        opened = play.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        yield opened
        opened.close()


def place(desk: Running) -> str:
    return "http://" + desk.ready.split("form=")[1].split()[0]


OLD = "Mozilla/5.0 (Windows NT 6.1; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/86.0.4240.75 Safari/537.36"
PHONE, DESKTOP = {"width": 390, "height": 844}, {"width": 1280, "height": 900}


@pytest.mark.chromium
def test_a_user_without_javascript_sends_a_request_and_is_answered(desk, browser, tmp_path):
    shot = tmp_path / "экран.png"
    shot.write_bytes(picture())
    asked: list[str] = []
    context = browser.new_context(java_script_enabled=False, locale="ru-RU", viewport=PHONE, color_scheme="dark", user_agent=OLD)
    page = context.new_page()
    page.on("request", lambda request: asked.append(request.url))
    page.goto(place(desk))
    assert page.locator("html").get_attribute("lang") == "ru"
    look(page, "phone-dark")
    page.get_by_label("Как к вам обращаться").fill("Ольга")
    page.get_by_label("Электронная почта").fill("olga@example.org")
    page.get_by_label("Что случилось").fill("Плеер показывает чёрный экран вместо фильма, звука тоже нет.")
    page.get_by_label("Как это повторить").fill("1. Открыть любой фильм\n2. Нажать «Смотреть»")
    page.get_by_label("Скриншоты").set_input_files(str(shot))
    page.get_by_label("Проблема на этом устройстве").check()
    page.get_by_label("Я согласен").check()
    page.get_by_role("button", name="Отправить").click()
    page.wait_for_url("**/thanks*")
    assert "обращение принято" in page.locator("h1").inner_text()
    look(page, "thanks-phone-dark")
    assert {urllib.parse.urlsplit(url).netloc for url in asked if url.startswith("http")} == {place(desk).removeprefix("http://")}
    assert context.cookies() == []
    [answer] = desk.wait("olga@example.org", 1)
    said = text_of(answer)
    assert "[PF-" in str(answer["Subject"])
    assert "черный экран" not in said.replace("ё", "е")  # whose address it is has not been proved
    assert "устарел" in said or "браузер" in said.lower()  # the browser on this device counts
    context.close()


@pytest.mark.chromium
def test_what_is_wrong_is_said_and_what_was_written_stays(desk, browser):
    context = browser.new_context(locale="en-GB", viewport=DESKTOP)
    page = context.new_page()
    page.goto(place(desk))
    look(page, "desktop-light")
    page.locator("form").evaluate("form => form.noValidate = true")
    page.get_by_label("What happened").fill("The trailer does not play")
    page.get_by_label("Email").fill("not an address")
    page.get_by_role("button", name="Send").click()
    alert = page.get_by_role("alert")
    assert "email address" in alert.inner_text()
    assert "consent" in alert.inner_text()
    assert page.get_by_label("What happened").input_value() == "The trailer does not play"
    look(page, "errors-desktop-light")
    page.goto(f"{place(desk)}/?lang=ru")
    assert page.locator("html").get_attribute("lang") == "ru"
    context.close()


@pytest.mark.chromium
def test_the_keyboard_reaches_every_field_and_no_trap(desk, browser):
    context = browser.new_context(locale="ru-RU", viewport=DESKTOP, color_scheme="dark")
    page = context.new_page()
    page.goto(place(desk))
    reached = []
    for _ in range(12):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.name || document.activeElement.tagName"))
    order = [name for name in reached if name in ("name", "email", "text", "steps", "pictures", "here", "consent", "BUTTON", "website")]
    assert order[:8] == ["name", "email", "text", "steps", "pictures", "here", "consent", "BUTTON"]
    labelled = page.evaluate("[...document.querySelectorAll('input:not([type=hidden]),textarea')].every(one => one.labels.length === 1)")
    assert labelled
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    look(page, "desktop-dark")
    page.set_viewport_size({"width": 320, "height": 640})
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    look(page, "narrow-dark")
    context.close()


@pytest.mark.chromium
def test_the_companys_site_may_show_it_in_a_frame_and_nobody_else(browser, tmp_path):
    """The frame of the documentation, in a page of a site that rules.yaml links to, and in a page of another."""

    class Site(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.end_headers()
            self.wfile.write(frame.encode())

        def log_message(self, *_: object) -> None: ...

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Site) as site:
        thread = threading.Thread(target=site.serve_forever, args=(0.05,))
        thread.start()
        own = f"http://127.0.0.1:{site.server_address[1]}"
        rules = (ROOT / "rules.yaml").read_text("utf-8").replace("https://providence.film/support\n", f"{own}/support\n")
        (tmp_path / "data-rules.yaml").write_text(rules, "utf-8")
        with Running(tmp_path / "data", DESK_FORM="127.0.0.1:0") as desk:
            frame = block("html").replace("https://providence.film/support", place(desk))
            page = browser.new_page()
            for host, shown in ((own, 1), (own.replace("127.0.0.1", "localhost"), 0)):
                page.goto(host)
                page.wait_for_timeout(500)
                assert page.frame_locator("iframe").get_by_label("Что случилось").count() == shown, host
            page.close()
        site.shutdown()
        thread.join()


def look(page, name: str) -> None:
    if SHOTS:
        Path(SHOTS).mkdir(exist_ok=True)
        page.screenshot(path=f"{SHOTS}/{name}.png", full_page=True)


def test_a_flood_of_uploads_leaves_the_memory_flat(desk):
    """Eight clients drop 30 MB each, which is refused; the daemon does not keep it."""
    host, port = place(desk).removeprefix("http://").split(":")

    def memory() -> int:
        lines = Path(f"/proc/{desk.process.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))

    before, codes = memory(), []

    def flood() -> None:
        client = http.client.HTTPConnection(host, int(port), timeout=60)
        client.putrequest("POST", "/")
        client.putheader("Content-Type", "multipart/form-data; boundary=x")
        client.putheader("Transfer-Encoding", "chunked")
        client.endheaders()
        begin = b'--x\r\nContent-Disposition: form-data; name="pictures"; filename="a.png"\r\n\r\n'
        client.send(b"%x\r\n%b\r\n" % (len(begin), begin))
        for _ in range(30):
            client.send(b"100000\r\n" + b"a" * 1024 * 1024 + b"\r\n")
        client.send(b"0\r\n\r\n")
        answer = client.getresponse()
        codes.append(answer.status)
        answer.read()
        client.close()

    clients = [threading.Thread(target=flood) for _ in range(8)]
    for one in clients:
        one.start()
    for one in clients:
        one.join()
    assert codes == [413] * 8
    assert memory() - before < 60_000  # KB, for 240 MB sent
