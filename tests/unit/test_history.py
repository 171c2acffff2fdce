"""Where a letter's history begins, and what a stranger's words look like to staff."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from unit.test_quotes import ATTRIBUTIONS, BLOCKS, calls

from bot.parsing.history import above, below
from bot.tickets.agents.parser import BY_WORD, escaped, fold, line_of, unescaped

ANSWER = "#reply\nПопробуйте ещё раз.\n\n> из инструкции\n> две строки\n\nИ ещё раз."


@pytest.mark.parametrize("mark", [
    *ATTRIBUTIONS, *(block.replace("|", "\n") for block in BLOCKS), "_" * 32,
    "--- Пишите ответ выше этой черты ---", "— Write your answer above this line —",
    "> --- Пишите ответ выше этой черты ---", "| --- Write your answer above this line ---",
    "---\u00a0Пишите\u00a0ответ выше\u00a0этой\u202fчерты\u00a0---", "\\--- Write your answer above this line \\---",
    "S> -- Пишите ответ выше этой черты --",
    "Write your answer above this line", "*Пишите ответ выше этой черты*", "---\nПишите ответ выше этой черты ---",
])  # fmt: skip
def test_nothing_at_or_below_a_mark_is_the_authors(mark: str) -> None:
    assert above(f"{ANSWER}\n\n{mark}\n#resolve\n----- End of forwarded message -----\n#resolve") == (ANSWER, True)


@pytest.mark.parametrize("words", [
    "> цитата", "В инструкции написано:\n> раз\n> два\nвсё", "Вы писали:\n> не работает\nПочините", "23.11 в 10:00 было обновление.", "-- раз --",
    "Ответ пишите, пожалуйста, выше этой черты на схеме.", "- выше этой черты", "От: 5 до 10 минут", "____", "----------", "Итог:\n\n* раз\n* два",
])  # fmt: skip
def test_words_that_are_no_mark(words: str) -> None:
    assert above(f"#reply\n{words}\n#note\nx") == (f"#reply\n{words}\n#note\nx", False)
    assert below(words) == []


@pytest.mark.parametrize("words", [
    "Иван жазды:", "От: a@b.example\nКогда: 23.11.2026\nЧто: [PF-1] x", "გამომგზავნი: a\nთემა: [PF-1] x\n\n" + "_" * 12,
])  # fmt: skip
def test_what_a_program_says_before_our_letter_leaves_with_it(words: str) -> None:
    assert above(f"{ANSWER}\n\n{words}\n\n--- Пишите ответ выше этой черты ---")[0] == ANSWER
    assert above(f"#reply\n{words}\n\n--- Пишите ответ выше этой черты ---")[0] == f"#reply\n{words}".rstrip("_\n")


def test_a_signature_goes_to_the_end_and_a_closing_leaves() -> None:
    assert above("#note\nx\n-- \nАнна <anna@x.example>\n> цитата\n#resolve")[0] == "#note\nx"
    assert above("#reply\nДа.\n\nС уважением,\nАнна\n\nOn Mon, 23 Nov 2026 at 12:00, S <s@x.example> wrote:\n> x")[0] == "#reply\nДа."


SIGNS = ("#спам", "№ взять", "＃", "#", "N°", "No ", "\\")
WORDS = st.sampled_from([*SIGNS, "note", "\u200b", "\u00ad", "заметка", "x" * 50, " ", "\n", "-", "**", "1.", "|"])


@given(st.lists(WORDS, max_size=30).map("".join), st.integers(20, 80))
def test_no_break_makes_a_strangers_word_a_command(text: str, width: int) -> None:
    shown = escaped(text)
    assert "\\" in text or unescaped(shown) == text
    pieces = [shown[at : at + width] for at in range(0, len(shown), width)]
    words = shown.replace("\n", " ").split(" ")
    lines = [" ".join(words[at:]) for at in range(len(words))]
    for line in (*shown.split("\n"), *lines, *(pieces if " " not in text and len(text) > 100 else ())):
        found = line_of(line)
        assert not found or fold(found[1]) not in BY_WORD, line


SHAPES = ("> x\ny\n", "--- выше этой ", "a@b <\n", "From: x\n\n", "wrote:\n", "x ----- ", "S>S>", "________\n", "#\u200b", "№ ", "\\#\n", "\n")


@pytest.mark.parametrize("shape", SHAPES)
def test_time_grows_with_the_length_and_no_faster(shape: str) -> None:
    def work(size: int) -> object:
        text = shape * (size // len(shape))
        return above(text), unescaped(escaped(text))

    once, twice = (calls(lambda size=size: work(size)) for size in (20_000, 40_000))  # type: ignore[misc]
    assert twice <= 2.3 * once + 100
