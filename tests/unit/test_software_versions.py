"""Browsers and systems as people name them, in words and in user-agent strings."""

import pytest

from bot.language.software_versions import Finder, meets
from bot.language.word_classes import Lexicon, cut

LEXICON = Lexicon()
FINDER = Finder(LEXICON)
OLDEST = {
    "chrome": "109",
    "firefox": "115",
    "safari": "15",
    "ie": "none",
    "windows": "10",
    "macos": "10.15",
    "ios": "15",
    "android": "8",
    "yandex": "23",
}


def named(text: str) -> list[tuple[str, str]]:
    return [(item.name, item.version) for item in FINDER.find(cut(text, LEXICON))]


def outdated(text: str) -> list[str]:
    tokens = cut(text, LEXICON)
    return [text[item.start : item.end] for item in FINDER.outdated(tokens, FINDER.find(tokens), OLDEST)]


@pytest.mark.parametrize(
    ("text", "software"),
    [
        ("Chrome 98", ("chrome", "98")),
        ("хром 98 версии", ("chrome", "98")),
        ("в хроме версии 98.0.4758", ("chrome", "98.0.4758")),
        ("98-й хром", ("chrome", "98")),
        ("хром98", ("chrome", "98")),
        ("версия хрома: 72", ("chrome", "72")),
        ("Браузер: Google Chrome\nВерсия: 70.0", ("chrome", "70.0")),
        ("IE11", ("ie", "11")),
        ("в интернет эксплорере", ("ie", "")),
        ("сафари на iOS 12", ("ios", "12")),
        ("лиса 52", ("firefox", "52")),
        ("Яндекс.Браузер 19.3", ("yandex", "19.3")),
        ("на семёрке виндовс", ("windows", "7")),
        ("windows xp", ("windows", "5")),
        ("win7", ("windows", "7")),
        ("шестой андроид", ("android", "6")),
        ("macOS High Sierra", ("macos", "10.13")),
        ("Обновил хром с 90 до 131", ("chrome", "131")),
        ("не Chrome 90, а 130", ("chrome", "130")),
        ("раньше был Chrome 90, сейчас 131", ("chrome", "131")),
    ],
)
def test_software_is_named(text, software):
    assert software in named(text)


@pytest.mark.parametrize(
    ("text", "software"),
    [
        ("Mozilla/5.0 (Windows NT 6.1; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/86.0.4240.75 Safari/537.36", {"chrome", "windows"}),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 12_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/12.1 Mobile/15E148 Safari/604.1",
            {"safari", "ios"},
        ),
        ("Mozilla/5.0 (Windows NT 10.0; WOW64; Trident/7.0; rv:11.0) like Gecko", {"ie"}),
        (
            "Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/110.0 YaBrowser/22.1.3.848 Yowser/2.5 Safari/537.36",
            {"yandex"},
        ),
    ],
)
def test_user_agent_strings_are_read(text, software):
    assert {name for name, _ in named(text)} == software


@pytest.mark.parametrize(
    "text",
    [
        "В Chrome пробовал 5 раз",
        "открыл в хроме 3 вкладки",
        "Chrome выдал ошибку 404",
        "сериал «Сафари», 3 сезон",
        "мультфильм про лису 2 часть",
        "заказ 98, хром не открывает чек",
        "в хроме 2 дня не грузится",
    ],
)
def test_other_numbers_are_no_versions(text):
    assert all(not version for _, version in named(text))


@pytest.mark.parametrize("text", ["не Chrome 90", "не в Chrome 90", "дело не в Firefox 52"])
def test_what_is_denied_is_not_named(text):
    assert named(text) == []


@pytest.mark.parametrize(
    ("text", "evidence"),
    [
        ("Плеер чёрный, хром 98 версии", "хром 98"),
        ("В Chrome 85 не играет, а в Firefox 131 всё работает", "Chrome 85"),
        ("сижу с осла", "с осла"),
        ("айфон с айос 12.5, видео не идёт", "айос 12.5"),
    ],
)
def test_old_software_is_found_with_the_words_as_written(text, evidence):
    assert outdated(text) == [evidence]


@pytest.mark.parametrize(
    "text",
    [
        "Chrome 131, Windows 11",
        "хром последней версии",
        "Проверил в Chrome 98 и 131, одинаково",
        "Обновил Chrome 98, после обновления то же самое",
        "И в Chrome 90, и в Firefox 132 одно и то же",
        "У меня Chrome 88, но на другом компьютере с новым хромом то же самое",
        "Во всех браузерах одинаково, и в Chrome 88 тоже",
        "Был Internet Explorer, поставил Chrome 130, проблема осталась",
    ],
)
def test_software_that_is_not_to_blame_is_no_ground(text):
    assert outdated(text) == []


def test_tests_of_rules():
    item = FINDER.find(cut("Chrome 98.0", LEXICON))[0]
    assert meets(item, "chrome < 110")
    assert meets(item, "chrome = 98")
    assert meets(item, "chrome")
    assert not meets(item, "chrome >= 99")
    assert not meets(item, "firefox")
    assert not meets(FINDER.find(cut("Chrome", LEXICON))[0], "chrome < 110")


@pytest.mark.parametrize("piece", ["chrome 90 ", "Mozilla/5.0 (Windows NT 6.1) Chrome/80 ", "семёрка windows 7 ", "Mozilla/5.0 ("])
def test_a_letter_full_of_names_is_read_in_part(piece):
    assert len(named(piece * 4000)) <= 210
