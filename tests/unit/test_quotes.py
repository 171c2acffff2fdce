"""Whose words are whose: the mail programs of many languages, and what must never be taken for a quote."""

import sys
from collections import Counter
from collections.abc import Callable
from types import FrameType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.parsing.quotes import own_text, split

OWN = "Фильм всё ещё не открывается."
QUOTED = "Перезапустите плеер.\nОшибка уйдёт."
MARKED = "> Перезапустите плеер.\n> Ошибка уйдёт."

# Each stands on its own: what follows is quoted, marked or not.
ATTRIBUTIONS = """\
10.11.2026, 11:58, "Поддержка" <help@site.example>:
10.11.2026 11:58, Служба поддержки <help@site.example> пишет:
Вторник, 10 ноября 2026, 11:58 +03:00 от Служба поддержки <help@site.example>:
вторник, 10 ноября 2026г., 11:58 +03:00 от Поддержка help@site.example:
вт, 10 нояб. 2026 г. в 11:58, Служба поддержки <help@site.example>:
10 нояб. 2026 г., в 11:58, Поддержка <help@site.example> написал(а):
10 ноября 2026 г. 11:58:03 пользователь Поддержка <help@site.example> написал:
10 ноября 2026 г. 11:58:33 GMT+03:00, "Поддержка" <help@site.example> пишет:
2026-11-10 11:58 GMT+03:00 Поддержка <help@site.example>:
help@site.example писал 10.11.2026 11:58:
10.11.2026 11:58, Анна Петрова пишет:
* Anna Petrova <anna@site.example> [2026-11-10 11:58]:
В Вт, 10/11/2026 в 11:58 +0300, Анна Петрова пишет:
On Tue, Nov 10, 2026 at 11:58 AM, Support <help@site.example> wrote:
On Nov 10, 2026, at 11:58 AM, Support <help@site.example<mailto:help@site.example>> wrote:
On Tuesday, November 10th, 2026 at 11:58, Support <help@site.example> wrote:
---- On Tue, 10 Nov 2026 11:58:33 +0300 help@site.example wrote ----
At 11:58 AM 11/10/2026 +0300, Support <help@site.example> wrote:
Support <help@site.example> wrote:
Op 10 november 2026 11:58 schreef Anna de Vries:
On Tue, 10 Nov 2026, 11:58 am John - Acme wrote:
Am 10.11.2026 um 11:58 schrieb Support <help@site.example>:
Support <help@site.example> schrieb am Di., 10. Nov. 2026, 11:58:
Le mar. 10 nov. 2026 à 11:58, Support <help@site.example> a écrit :
El mar, 10 nov 2026 a las 11:58, Support (<help@site.example>) escribió:
Il giorno mar 10 nov 2026 alle ore 11:58 Support <help@site.example> ha scritto:
Em ter., 10 de nov. de 2026 às 11:58, Support <help@site.example> escreveu:
Op di 10 nov 2026 om 11:58 schreef Support <help@site.example>:
Op 10 nov 2026 om 11:58 heeft Support <help@site.example> het volgende geschreven:
Den tis 10 nov. 2026 kl 11:58 skrev Support <help@site.example>:
ti 10. marrask. 2026 klo 11.58 Support (help@site.example) kirjoitti:
wt., 10 lis 2026 o 11:58 Support <help@site.example> napisał(a):
út 10. 11. 2026 v 11:58 odesílatel Support <help@site.example> napsal:
Support <help@site.example> ezt írta (időpont: 2026. nov. 10., K, 11:58):
10 Kas 2026 Sal, 11:58 tarihinde Support <help@site.example> şunu yazdı:
[ On Tuesday, November 10, 2026 at 11:58:10 (+0300), Support wrote: ]
вт, 10 лист. 2026 р. о 11:58 Support <help@site.example> пише:
Στις Τρί, 10 Νοε 2026 στις 11:58 π.μ., ο χρήστης Support <help@site.example> έγραψε:
2026年11月10日(火) 11:58 Support <help@site.example>:
Support <help@site.example> 于2026年11月10日周二 11:58写道：
在 2026年11月10日，11:58，Support <help@site.example> 写道：
2026년 11월 10일 (화) 오전 11:58, Support <help@site.example>님이 작성:
Vào Th 3, 10 thg 11, 2026 vào lúc 11:58 Support <help@site.example> đã viết:
\u202bבתאריך יום ג׳, 10 בנוב׳ 2026 ב-11:58 מאת \u202aSupport\u202c\u200f <\u202ahelp@site.example\u202c\u200f>:\u202c
-----Исходное сообщение-----
-------- Пересылаемое сообщение --------
---------- Forwarded message ---------
*----- Original Message -----*
‐‐‐‐‐‐‐ Original Message ‐‐‐‐‐‐‐
Начало переадресованного сообщения:
------------------ 原始邮件 ------------------
-----Messaggio originale-----
-----Ursprungligt meddelande-----
-----Wiadomość oryginalna-----
=================8<==============Original message text===============
##- Пожалуйста, пишите ответ выше этой линии -##""".splitlines()

# These count only when marked lines follow.
INTRODUCTIONS = """\
Вы писали 10 ноября 2026 г., 11:58:33:
Вы писали:
Анна Петрова писал(а):
On Tue, 10 Nov 2026 11:58:19 +0000
El martes, 10 de noviembre de 2026, soporte escribió:
Цитирую Anna Petrova <anna@site.example>:
anna via Forum wrote:
"Anna" <anna@site.example> wrote in message news:17@site.example...""".splitlines()

BLOCKS = """\
От: Поддержка <help@site.example>|Отправлено: 10 ноября 2026 г. 11:58|Кому: ivan@example.ru|Тема: Видео
От кого: Поддержка <help@site.example>|Дата: вторник, 10 ноября 2026 г.|Кому: ivan|Тема: Видео
Кому: ivan@example.ru|От: "Поддержка" <help@site.example>|Дата: 10.11.2026 11:58|Тема: Видео
*From:* Support [mailto:help@site.example]|*Sent:* Tuesday, November 10, 2026 11:58 AM|*To:* ivan|*Subject:* Video
Subject: Video|Date: Tue, 10 Nov 2026|From: Support <help@site.example>|To: ivan@example.ru
From: Support <help@site.example> Sent: Tuesday, November 10, 2026 To: ivan@example.ru Subject: Video
Original Message|From: Support|Sent: Tuesday, November 10, 2026|Subject: Video
________________________________|From: Support <help@site.example>|To: long <a@site.example>; list|of <c@site.example>|Subject: Video
Von: Support <help@site.example>|Gesendet: Dienstag, 10. November 2026|An: ivan|Betreff: Video
De : Support <help@site.example>|Envoyé : mardi 10 novembre 2026|À : ivan|Objet : Video
De: Support <help@site.example>|Enviada em: terça-feira|Para: ivan|Assunto: Video
Da: Support <help@site.example>|Inviato: martedì 10 novembre 2026|A: ivan|Oggetto: Video
Van: Support <help@site.example>|Verzonden: dinsdag 10 november 2026|Aan: ivan|Onderwerp: Video
Fra: Support <help@site.example>|Sendt: 10. november 2026|Til: ivan|Emne: Video
Od: Support <help@site.example>|Odesláno: úterý 10. listopadu 2026|Komu: ivan|Předmět: Video
发件人: Support <help@site.example>|发送时间: 2026年11月10日|收件人: ivan|主题: Video
差出人: Support <help@site.example>|送信日時: 2026年11月10日|宛先: ivan|件名: Video""".splitlines()

# Lines that programs and people put below their words; "|" is a line break.
ENDINGS = """\
Отправлено с iPhone
Отправлено с моего iPhone
Отправлено из мобильной Почты Mail.ru
Отправлено из Mail для Android
Отправлено из мобильного приложения Яндекс.Почты
Отправлено из мобильной Яндекс Почты: http://m.ya.ru/ymail
Отправлено из Почты для Windows 10
Отправлено со смартфона Samsung Galaxy.
Отправлено с HUAWEI nova
Отправлено с Android-устройства с помощью K-9 Mail. Извините за краткость.
Получите Outlook для Android<https://aka.ms/ghei36>
Надіслано з iPhone
Sent from my iPhone
Sent from my Verizon Wireless BlackBerry
Sent from Yahoo Mail on Android
Get Outlook for iOS<https://aka.ms/o0ukef>
Von meinem iPhone gesendet
Envoyé de mon iPhone
Enviado desde mi iPhone
Inviato da iPhone
Verstuurd vanaf mijn iPhone
Skickat från min iPhone
Wysłane z iPhone'a
发自我的iPhone
iPhoneから送信
-- |Анна Петрова|директор
--|Отправлено из Mail.ru для Android
—|Анна Петрова
С уважением,|Анна Петрова|ООО «Ромашка»|тел.: +7 (495) 000-00-00|www.romashka.example
С уважением, Анна Петрова.
--|С наилучшими пожеланиями,|Анна
___________|С уважением, Анна
С ув., Олег
Best regards,|John Smith
Mit freundlichen Grüßen|Jörg
Проверено на вирусы: www.avast.com
_______________________________________________|talk mailing list|talk@lists.example.org""".splitlines()

# Everything here is the author's; "|" is a line break.
KEPT = """\
Вот что пишет сайт 12.05.2026 в 14:30:|Ошибка 500
12.05.2026 в 14:30 сайт написал:|Ошибка 500. Что делать?
При запуске пишет:||Доступ запрещён
From: the beginning I had problems|with the player.
От: вашей поддержки жду ответа
Дата: 12.05.2026|Браузер: Chrome 98|Ошибка: 403
Имя: Иван|Телефон: 123|Тема: доступ|Сообщение: не открывается
Мой логин: ivan@example.ru|Дата регистрации: 12.05.2020|От кого приглашение: друг
Запускаю|> ping providence.film -t|и вижу потери.
>>> import requests|>>> requests.get("https://site.example")|возвращает 403
Отправлено письмо с заявкой 12 мая, ответа нет.
Отправлено с сайта вчера, а подтверждения нет.
Отправлено с почты жены, ответа нет
Отправлено через почту России 12 мая
Отправлено из личного кабинета с телефона
Проверено антивирусом, вирусов нет, а сайт не открывается.
Чтобы отписаться от рассылки, что нажать?
Это сообщение конфиденциальное, прошу не показывать коллегам.
Sent from my desk, much easier than my phone is.
The notification was sent from my iPhone app to everybody.
С уважением отношусь к вашему сервису, но видео не работает.
С уважением к вам обращаюсь.|Подскажите, как быть?
С уважением, Иван||P.S. И ещё: звук тоже пропал?
1. Открываю сайт|2. Вижу ошибку|---|Что делать?
Раздел 1|--|текст и ещё текст?
Мне ответил ivan@site.example 12.05.2026 следующее:|ждите
12 мая писал на help@site.example, ответа нет:|что делать
20.11.2026 10:00 открыл сайт ivan@example.ru:|не пускает
10.11.2026 не открывалось|Пишу снова с адреса ivan@example.ru|Сайт пишет:|жди
Спасибо!
Best regards
Вы писали, что почините 12 мая:|не починили
Сообщение об ошибке:|----- Ошибка 403 -----|Что это?
--- сообщение плеера ---|нет сети|--- конец ---|помогите
On the surface it works. On 12 May it stopped, he wrote: no.
On my machine you can run:||telnet 127.0.0.1||and it fails.""".splitlines()


@pytest.mark.parametrize("line", ATTRIBUTIONS)
def test_what_follows_an_attribution_is_not_the_authors(line: str) -> None:
    assert own_text(f"{OWN}\n\n{line}\n\n{QUOTED}") == OWN
    assert own_text(f"{OWN}\n{line}\n{QUOTED}") == OWN
    assert own_text(f"{OWN}\n\n{line}\n{MARKED}") == OWN


@pytest.mark.parametrize("line", INTRODUCTIONS)
def test_an_introduction_goes_with_the_marked_lines_below_it(line: str) -> None:
    assert own_text(f"{OWN}\n\n{line}\n{MARKED}") == OWN
    assert own_text(f"{OWN}\n\n{line}\n\n{MARKED}\n") == OWN
    assert own_text(f"{line}\n{MARKED}\n\n{OWN}") == OWN
    assert OWN in own_text(f"{line}\n{OWN}"), "without marks it proves nothing"


@pytest.mark.parametrize("block", BLOCKS)
def test_a_block_of_headers_begins_another_letter(block: str) -> None:
    assert own_text(f"{OWN}\n\n{block.replace('|', chr(10))}\n\n{QUOTED}") == OWN
    assert own_text(f"{OWN}\n\n{block.replace('|', chr(10) * 2)}\n\n{QUOTED}") == OWN
    assert own_text(f"{OWN}\n{block.replace('|', chr(10))}\n{QUOTED}") == OWN


@pytest.mark.parametrize("ending", ENDINGS)
def test_signatures_and_advertisements_are_not_the_authors(ending: str) -> None:
    ending = ending.replace("|", "\n")
    assert own_text(f"{OWN}\n\n{ending}\n") == OWN
    assert own_text(f'{OWN}\n\n{ending}\n\n10.11.2026, 11:58, "П" <help@site.example>:\n{MARKED}') == OWN


@pytest.mark.parametrize("words", KEPT)
def test_real_words_are_never_eaten(words: str) -> None:
    words = words.replace("|", "\n")
    assert own_text(words) == words
    framed = f"Здравствуйте.\n\n{words}\n\nЖду ответа."
    assert own_text(framed) == framed


def test_answers_between_the_lines_stay_in_order() -> None:
    text = f"Анна, отвечаю по порядку.\n\n10.11.2026 11:58, Анна Петрова пишет:\n{MARKED}\nПерезапустил.\n> Что теперь?\n\nТо же самое.\n"
    assert own_text(text) == "Анна, отвечаю по порядку.\n\nПерезапустил.\n\nТо же самое."


def test_a_letter_of_quotes_alone_has_no_own_words() -> None:
    assert own_text(MARKED) == ""
    assert own_text(f"-------- Пересылаемое сообщение --------\n{QUOTED}") == ""
    assert own_text("От: А <a@b.example>\nДата: 10.11.2026\nТема: Чек\n\nОплачено.") == ""


def test_the_author_speaks_again_after_the_end_of_a_forwarded_letter() -> None:
    text = f"Вот:\n---- Пересылаемое сообщение ----\n{QUOTED}\n---- Конец пересылаемого сообщения ----\n{OWN}"
    assert own_text(text) == f"Вот:\n\n{OWN}"


def test_the_ends_of_quoted_lines_that_were_wrapped_are_quoted() -> None:
    long = "> Пробовали ли вы открыть тот же самый фильм в каком-нибудь другом окне"
    assert own_text(f"10.11.2026 11:58, Анна П пишет:\n{long}\nили хотя бы завтра?\n> А сегодня?\nНет.\n") == "Нет."


def test_a_legal_notice_goes_with_its_paragraph() -> None:
    assert own_text(f"{OWN}\n\nУведомление о конфиденциальности: письмо содержит\nсведения, не подлежащие разглашению.\n\nИ ещё вопрос.") == (
        f"{OWN}\n\nИ ещё вопрос."
    )


def test_many_blank_lines_between_an_attribution_and_its_quote() -> None:
    assert own_text(f"10.11.2026, 11:58, П <help@site.example>:\n\n\n\n\n\n{MARKED}\n\n{OWN}") == OWN


def test_line_endings_of_every_kind() -> None:
    assert own_text(f"{OWN}\r\n\r\n-- \r\nИван") == OWN
    assert own_text(f"{OWN}\r-- \rИван") == OWN


ODD = ["", " ", "-- ", "---", "|", "> ", "<", "> wrote:", "On 1.1.2026", "__"]
LINES = st.sampled_from([OWN, *ODD, *ATTRIBUTIONS, *INTRODUCTIONS, *"|".join([MARKED, *BLOCKS, *ENDINGS, *KEPT]).split("|")])
TEXTS = st.one_of(st.lists(LINES, max_size=30).map("\n".join), st.text(max_size=300), st.lists(st.text(max_size=40), max_size=20).map("\n".join))


@given(TEXTS)
def test_nothing_is_lost_between_the_two_halves(text: str) -> None:
    parts = split(text)
    lines = [line.rstrip() for line in text.replace("\r\n", "\n").replace("\r", "\n").split("\n") if line.strip()]
    own = [line for line in parts.own.split("\n") if line.strip()]
    rest = [line for line in parts.rest.split("\n") if line.strip()]
    assert Counter(own) + Counter(rest) == Counter(lines)
    remaining = iter(lines)
    assert all(line in remaining for line in own), "own words stay in their order"


@given(st.lists(st.sampled_from([OWN, "Ошибка 5.", "", "Что делать?"]), max_size=6), st.sampled_from(ATTRIBUTIONS), st.sampled_from(ENDINGS))
def test_own_words_alone_are_read_as_they_are(words: list[str], attribution: str, ending: str) -> None:
    words = [OWN, *words]
    text = "\n".join([*words, "", *ending.split("|"), "", attribution, MARKED])
    own = own_text(text)
    assert own_text(own) == own
    assert own.split() == " ".join(words).split()


def calls(work: Callable[[], object]) -> int:
    """How many function calls, of Python and of C, some work takes."""
    count = 0

    def note(frame: FrameType, event: str, argument: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(note)
    try:
        work()
    finally:
        sys.setprofile(None)
    return count


@pytest.mark.parametrize(
    "shape",
    [">\n", "> x\ny\n", "On On On wrote wrote ", "On 1.1.2026 11:58 a@b.c\n", "--\n", "--\nx\n", "-- \n", "__\nlists.x\n", "a@b <\n", "From: x\n\n",
     "С уважением\n", "---- Original Message ----\n", "x", "Вы писали:\n", "пишет: ", "\n", "Sent from ", "<a@b\n> wrote"],
)  # fmt: skip
def test_time_grows_with_the_length_and_no_faster(shape: str) -> None:
    once, twice = (calls(lambda size=size: split(shape * (size // len(shape)))) for size in (20_000, 40_000))  # type: ignore[misc]
    assert twice <= 2.3 * once + 100
