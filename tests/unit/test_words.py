"""Words in their forms, phrases with gaps, and texts cut into words; always with the original offsets."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.language.word_classes import Lexicon, Phrasebook, PhraseError, cut

LISTS = {"service": ["сайт", "личный кабинет", "website"], "fails": ["не работать", "сломаться"]}


def found(phrase: str, text: str) -> list[str]:
    """The pieces of the text where the phrase stands; of a phrase with `&`, where its first part does."""
    lexicon = Lexicon()
    parts = Phrasebook(LISTS, lexicon).read(phrase)
    tokens = cut(text, lexicon)
    hits = [[hit for one in part for hit in one.find(tokens, lexicon.fillers)] for part in parts]
    shared = set.intersection(*({tokens.items[a].sentence for a, _ in part} for part in hits))
    return [text[tokens.items[a].start : tokens.items[b].end] for a, b in hits[0] if tokens.items[a].sentence in shared]


@pytest.mark.parametrize(
    ("phrase", "text"),
    [
        ("установить", "Я установила её вчера"),
        ("браузер", "во всех БРАУЗЕРАХ"),
        ("договор", "без договоров"),
        ("ёлка", "у елки"),
        ("install", "after installing it"),
        ("подпис*", "с подписчиками"),
        ("=установите", "Установите, пожалуйста"),
        ("не мочь ... войти", "не могу никак сюда войти"),
        ("не мочь войти", "не могу, пожалуйста, войти"),
        ("<service> <fails>", "В личном кабинете не работает"),
        ("<service> <fails>", "сайты сломались"),
        ("нет доступ/вход", "нет входа"),
        ("очень? плохо", "плохо"),
        ("ошибка <number>", "ошибка 502"),
        ("кабинет & оплата", "Оплатил, но оплаты в кабинете нет"),
        ("doesnt work", "It doesn’t work"),
    ],
)
def test_it_stands_there(phrase, text):
    assert found(phrase, text)


@pytest.mark.parametrize(
    ("phrase", "text"),
    [
        ("=установите", "я установил"),
        ("как ...2 войти", "как мне сюда вдруг опять вчера войти"),
        ("не работать", "Не хочу. Работает плохо"),
        ("!не работать", "сайт не работает"),
        ("хотеть ... !узнать купить", "хочу сначала узнать, где купить"),
        ("работать !над", "вы работаете над этим"),
        ("кабинет & оплата", "В кабинете пусто. Оплата прошла"),
        ("сайт", "сайгак"),
        ("рубль", "рубила"),
    ],
)
def test_it_does_not_stand_there(phrase, text):
    assert not found(phrase, text)


@pytest.mark.parametrize("text", ["неработает сайт", "сайт не рабоатет", "сайт не работаит", "сайт не раотает", "сайт не рабботает"])
def test_slips_of_the_pen_are_understood(text):
    assert found("не работать", text)


def test_words_that_exist_are_never_taken_for_slips():
    assert not found("загрузка", "нагрузка большая")


def test_a_disguised_word_is_found_and_shown_as_it_was_written():
    assert found("сервис", "ваш сepвиc лежит") == ["сepвиc"]


def test_lines_that_mail_programs_wrapped_are_one_sentence_and_list_items_are_not():
    assert found("не работать", "у меня не\nработает")
    assert not found("не работать", "пока не\n- работает звук")


@pytest.mark.parametrize(
    ("phrase", "reason"),
    [("<fruit>", "unknown list <fruit>"), ("...", "holds no word"), ("a? b? c? d? e?", "too many"), ("! работать", "is no word")],
)
def test_phrases_that_mean_nothing_are_refused(phrase, reason):
    with pytest.raises(PhraseError, match=reason):
        Phrasebook(LISTS, Lexicon()).read(phrase)


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="абвеёэй abcАБ0139.,!?\n\u200b\u0301-'*", max_size=200))
def test_every_word_is_cut_from_where_it_stands(text):
    tokens = cut(text, Lexicon())
    assert all(0 <= item.start < item.end <= len(text) for item in tokens.items)
    assert [item.start for item in tokens.items] == sorted(item.start for item in tokens.items)


def test_the_work_grows_with_the_text_and_not_faster():
    lexicon = Lexicon()
    phrase = Phrasebook({}, lexicon).read("а ...9 а ...9 а ...9 а ...9 б")[0][0]
    for words in (1_000, 30_000):
        tokens = cut("а " * words, lexicon)
        assert len(tokens.items) == words
        assert phrase.find(tokens, lexicon.fillers) == []
