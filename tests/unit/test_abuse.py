"""Abuse: found in any disguise, told apart by level, and never where a harmless word only holds a bad root."""

import time
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.language.abuse import Abuse, find

OBSCENE = """
    схуяли исхуячил отмудохали измудохал разъёблась въебавшийся шароёбятся перекосоёбило заебусь мандец залупаешься пидорва мудизм намудил
    хуй хуйня хуёвый охуели нахуй похуистично хуеверть полухуй пизда пиздец пиздёж спиздили распиздяи пиздосный ебать ёбаный заебали
    разъёб недоёб съебались въебал подъёбывать долбоёбы уёбище еблан выёбываться ебунькать йобнутый блядь блядский выблядок блять мля
    мудак мудацкий мудозвон мудила манда мандавошка залупа пидоры пидорасы пидрила ипанутые заипали эбать нихуясе хули накуй
"""
RUDE = """
    ушлёпок прошмандовка шмара быдло обосранец срань пердун ссучился кацап чучмек глиномес петушара чухан обоссанный
    жопа рукожопы говно говносайт дерьмовый насрали засранцы обоссать сука сучка гондоны шлюхи мрази чмошник гнида хер херня гребаный дрочить
    с*ка сцуко ж0па г*вно cyka д*бил ид*от
"""
MASKED = """
    п***а м***к х***я з****л о****и е***о
    х*й х**ня х..ню х-й х@йня п*здец п***ц пи**ец пи.дец п1здец пиzдец 3аебали заеб*ли з@ебали е@ать ё*нутый долб*ёб бл*ть бл..ь бл@дь 6лядь
    6ля нах*й на*уй по%уй ох*енно м*дак пид@рас п*дор зал*па xyй хyйня eбaнaя пизdец бляяяядь хууууйня пииииздец ппиздеец б.л.я.т.ь х-у-й
    п_и_з_д_а е/б/а/т/ь бл... муд** за**али бл🤬ть 3.14здец пошелнах пид🔥рас }{уй
"""
LATIN = """
    blyat blyad pizdec pizdets huy hui xuy huinya nahuy nahui poxuy ebat zaebali zaebis dolboeb mudak mudaki pidor pidoras p1zdec eblan
"""
RESPELLED = """
    пизедц хйуня заеабли мудкаи охуеил пзда хйня мдаки пдорасы злупа далбаеб ахуенна распездяй песдец педорасы цедзип янйух агсл ырше
    ху€во бляdb
"""
BROKEN = ["пи зд ец", "п из дец", "ху й", "за еб али", "о ху ели", "пиз-\nдец", "до лбо еб", "пи до ры", "бл ять"]
SLIPS = [",kznm", "[eq", "yf[eq", "gbpltw", "t,fnm", "pft,fkb", "[eqyz"]
ENGLISH = """
    unfuckingreal fvcking phuck fucktards fuck fucking motherfucker f*ck f**king
    fuuuck f.u.c.k fcuk fcuking bicth kcuf ᴄᴜɴᴛ sh1t bullshit b1tch assh0le cunt 𝐟𝐮𝐜𝐤
"""
AIMED = [
    "Вы идиоты", "вы там совсем дебилы?", "Да вы просто уроды", "Идиоты вы!", "Операторы идиоты", "тупые операторы", "Ваша поддержка — дебилы",
    "у вас сидят одни кретины", "Придурки, верните деньги", "какие же вы тупые", "вы что, больные?", "сборище идиотов", "набрали дебилов",
    "ваши бездари ничего не чинят", "у ваших программистов руки не из того места", "Заткнитесь уже", "Чтоб вы сдохли", "Идите вы в баню",
    "Пошли вы!", "Хамло!", "Ты дурак", "You are idiots", "your support is a bunch of morons", "stupid support", "Go to hell",
]  # fmt: skip
HARMLESS = [
    "всухую, Хохлов, Хохлова, Жирухин, сучился, хохлатый, узкий глаз, сперматозоид, шалаш, гоминид, срам, серый, пера, вафля, дрист, чухонец",
    "в***е, к***а, т****т, И***в",
    "Застрахуй, подстрахуйте, страхуй, психуй, психующий, штрихуют", "употреблять, требляне, корабля, рубля, сабля, оскорблять, потребление, опля",
    "команда, Аманда, мандат, Манда\u0301т, мандарин, мандолина", "хулиган, Хулио, небезызвестный, взахлёб, хлеб, колебание, тебе, мебель, ебонит",
    "хлеб еб", "учебник, мудрый, Махмудов, Ахмуд, Бермуды, изумруд", "скипидар, спидометр, лапидарный, педагог, педикюр, тепидарий",
    "гомосексуализм, хуцури",
    "плохую, сухую, глухую, тихую, красноухие, эпохую", "двоеборец, троеборье, двоебрачие, змееборец, дебаты, ребус, вебинар, EBITDA",
    "Наталья Олеговна, Марии Олеговне, Айвенго", "поезд, опоздать, гнездо, экспедиция", "сук, сукно, сучковатый, Херсон, херувим, похерувимски",
    "бляшка, абляция, аблятив, бляха", "Чмоки, чмокнул, срочно, среда, ссора, ссылка, рассылка",
    "трудовыебудни тыебудешь новыебудут", "и пал, у род, е бал, су ка, сук и веток, на род, по суда, за явка, от дам",
    "рассыпали, рассыпанье, хетты, питары, хлипаем, переписали, виипедии, перепаали, всыпим, выбрал, выбал, набал, добал, прибал, пребол, прихлебнул",
    "1-ая, 3-ем, 90-ую, 6-я, 2-ой", "Х. Й. Петров и Б.Я. Сидоров, С.У.К.", "т.е., и т.д., к.м.н., и.о., у.е., б/у, ж/д, и/или",
    "г-на Иванова, х-ка, м-да",
    "С***а И***в, карта 4276 **** **** 1234, a***@mail.ru", "http://xuy.example/pizda и fuck@example.com",
    "iPhone'ов, SMSка, VPNа, Wi-Fiем, Huawei, Хуавей",
    "*bold* **and** _but_ $id$ %s%s x*y x.y n-api** 0x##", "Scunthorpe, assassin, class, cocktail, Dickens, shiitake, hue, job's, ebay, ebook",
    "but, it, dst, w.r.t. cerf", "я идиот, забыл пароль", "какой же я дурак, простите", "вы не идиоты", "вы меня за идиота держите",
    "фильм «Идиот» не открывается", "инструкция для дураков", "глупый вопрос, вы уж простите", "хрен знает, блин, фиг с ним, капец, офигеть",
    "вы мошенники, верните деньги", "отвратительная поддержка, пишу жалобу", "не могу оплатить, ничего не работает!!!",
]  # fmt: skip

# What is expected (`-` is nothing), and what people write: insults of the staff by lemma, disguises, and what offends nobody.
WRITTEN = """
insult | Ваша оператор Светлана — безмозглое бревно
insult | Кретины, почините наконец плеер
insult | Вы там стадо баранов
insult | Ваши айтишники — жалкие неудачники
insult | Какой недоумок придумал эту рекламу посреди серии?
insult | Отвечает тупица, который не читает писем
insult | Тупые курицы в поддержке
insult | Борис, ты осёл
insult | Чтоб вам пусто было, ублюдки
insult | Поддержка у вас — сборище имбецилов
insult | Вы больные на голову люди
insult | Да вы все там крысы
insult | Придурок по имени Борис закрыл мою заявку
insult | Засуньте свой ответ себе в зад
insult | Вы, дармоеды, третий день молчите
insult | Ничтожества, а не специалисты
insult | Your agent is an absolute muppet
insult | Only a halfwit would close this ticket
insult | You lazy parasites never answer
insult | Boris is a waste of space
insult | You lot are thick as a brick
insult | Those imbeciles in support hung up on me
insult | Do your staff share one brain cell?
insult | Are you people stupid or what?
obscene | п*здабол ваш оператор
obscene | зaе6aли своей рекламой
obscene | ohuet, opyat ne rabotaet
obscene | 3ae6alo
obscene | idi nahui
obscene | fuсking player
obscene | WTF, stfu already
obscene | хуетень какая-то, а не сервис
obscene | pi3dec
obscene | g0vn0 i pizdets
obscene | п и з д е ц
obscene | ёb твою мать
- | «Ублюдок» Кима Ки Дука без субтитров
- | Сериал «Дрянь» пропал из избранного
- | Фильм Бесславные ублюдки обрывается на сороковой минуте
- | Мой герой — полный кретин, но сериал отличный, верните его
- | Чувствую себя идиоткой, не могу найти кнопку
- | Сосед дурак, сверлит, а у меня ещё и звук пропал
- | Моя фамилия Дураков, в чеке ошибка
- | Сотрудница Баранова очень помогла, спасибо
- | Житель села Козлово, нет сигнала
- | В субтитрах написали «козёл» вместо «козла»
- | На обложке детского фильма слово «сука», это нормально?
- | У нас собака, сука породы хаски, она лает на звук плеера
- | Мультфильм про осла и козла не грузится
- | In the film he calls her a moron, and the subtitle is late
- | I felt like an idiot, the button was right there
- | "Inglourious Basterds" and "Bastards" are listed as one film
- | The Idiots by Lars von Trier has no sound
- | Mr Dick Cockburn, account 5521, cannot sign in
- | My surname is Wankel, please fix the spelling
- | The idiot-proof guide on your site is great
- | Show about rats and pigs for children is missing
- | Подскажите, есть ли «Крысы» 2003 года?
- | Фильм о паразитах «Паразиты» без звука
- | Вы показали клоуна в превью, ребёнок испугался
- | Инструкция для чайников и дураков очень помогла
- | Муж кричит, что все козлы, а я просто хочу сменить пароль
- | ЕБРР платит за подписку, нужен счёт
- | Херсонская область, Скадовск: не проходит оплата
- | Мандалорец, третий сезон, пропал звук
- | Комментатор пишет под фильмом: «режиссёр дебил», удалите
insult | Ваш оператор — редкостный тупица
insult | Балбесы, включите наконец звук
insult | Вы просто кучка неудачников
insult | Анна, вы дура
insult | Ну и хамло ваш Борис
insult | Мерзавцы, списали деньги и молчат
insult | Безрукие программисты опять всё сломали
insult | Вы умственно отсталые?
insult | Свора бездельников
insult | Говорю как есть: поддержка — дно, а вы клоуны
insult | Your team are a bunch of clowns
insult | Listen, you pathetic worm, give me my money
insult | Anna is the dumbest person I have ever written to
insult | Tell that idiot Boris to read before he answers
insult | You people are morons
insult | Incompetent fools, all of you
obscene | да вы охренели? ахуеть просто
obscene | с какого х@ра... б л я т ь
obscene | хyли не отвечаете
obscene | zaebali uzhe
obscene | ебучий плеер
obscene | ПИЗДЕЦ а не сервис
obscene | б*я, опять
obscene | п!здец
obscene | х_й вам
obscene | sh!t service, f u c k it
obscene | Пошли на х.й
obscene | cyka blyat
obscene | манда ивановна ваша анна
- | «Суки» Аличе Рорвахер есть у вас?
- | Название фильма: «Мудаки. Арабески»
- | Хочу посмотреть «Облом off», а не находится
- | Ребёнок спрашивает, почему в мультике говорят «дурак»
- | Меня зовут Ибрагим Ебоев, не принимает фамилию
- | Улица Козлова, дом 5, интернета нет
- | Гадюкино, дом 3
- | Свинарева Анна, заявка 552
- | Озвучка слова «бля» заглушена, так задумано?
- | В описании написано «шлюха», хотя это детский раздел
- | Я сам дурак, нажал не туда
- | Герой там круглый идиот, смешно
- | Роман «Идиот» — где экранизация Бортко?
- | Петухов Олег, не могу оплатить
- | Скотт Пилигрим без звука
- | Сериал «Ублюдочный босс» пропал
- | Команда «Ослы» играет в полуфинале, трансляция прервалась
- | Shitake recipe show has no subtitles
- | Where is "Bad Santa" and "Dirty Rotten Scoundrels"?
- | Is Dick Van Dyke Show coming back?
- | Kick-Ass 2 stops at 10 minutes
- | My wife calls me a fool, but I cannot find the settings
- | A pig in the cartoon has no voice
- | Moscow: Mudyuga village, no signal
- | The comment "you are all idiots" under the trailer should be removed
- | Не хочу никого обидеть, но отвечаете вы медленно и неграмотно
- | Безобразная работа, стыдно должно быть
- | ХЕРСОН, ул. Ушакова, платёж не прошёл
"""
AGENTS = frozenset(["анна", "борис", "anna", "boris"])


@pytest.mark.parametrize("row", WRITTEN.strip().splitlines())
def test_who_is_insulted_and_what_is_only_said(row: str) -> None:
    expected, text = row.split(" | ", 1)
    assert {abuse.level for abuse in find(text, agents=AGENTS)} >= set(expected.split()) - {"-"}
    assert bool(find(text, agents=AGENTS)) is (expected != "-")


def levels(text: str) -> set[str]:
    return {abuse.level for abuse in find(text)}


@pytest.mark.parametrize("word", (OBSCENE + MASKED + LATIN + ENGLISH + RESPELLED).split() + SLIPS + BROKEN)
def test_obscene_words_are_found_alone_and_in_a_sentence(word: str) -> None:
    assert levels(word) == {"obscene"}
    assert levels(f"Опять всё сломалось, {word} никак не войти") == levels(word)


@pytest.mark.parametrize("word", RUDE.split())
def test_rude_words_are_of_the_milder_level(word: str) -> None:
    assert levels(f"Это {word.upper()} какая-то") == {"insult"}


@pytest.mark.parametrize("text", AIMED)
def test_names_aimed_at_the_reader_or_the_staff_are_insults(text: str) -> None:
    assert levels(text) == {"insult"}
    assert levels(f"Добрый день.\n{text}") == {"insult"}


@pytest.mark.parametrize("text", HARMLESS)
def test_harmless_words_that_hold_a_bad_root_are_not_found(text: str) -> None:
    assert find(text) == ()
    assert find(text.upper()) == ()


def test_what_is_sent_to_three_stars_is_known() -> None:
    assert [one.words for one in find("да иди ты на ***")] == ["иди ты на ***"]
    assert find("списали на *** 1234") == ()


def test_a_word_of_one_letter_before_spaced_letters_is_no_part_of_them() -> None:
    assert [one.words for one in find("he is a c u n t, ну и с у к а")] == ["c u n t", "с у к а"]


def test_a_word_of_spaced_letters_is_found_and_its_neighbours_are_not() -> None:
    assert [one.words for one in find("ну вот х у й н я опять")] == ["х у й н я"]
    assert [one.words for one in find("какой-то пиз дец")] == ["пиз дец"]


def test_an_insult_that_holds_an_obscene_word_is_obscene() -> None:
    assert [(one.level, one.words) for one in find("Руки ваши ебаные из жопы")] == [("obscene", "ебаные"), ("insult", "жопы")]


def test_evidence_is_the_span_as_written() -> None:
    text = "Сегодня, 5 мая, у вас сно\u200bва П\u0336И\u0336ZДЕЕЕЕЦ! Вы, Идиоты, слышите?"
    assert find(text) == (
        Abuse(level="obscene", root="пизд", start=text.index("П\u0336"), end=text.index("!"), words="П\u0336И\u0336ZДЕЕЕЕЦ", aimed=False),
        Abuse(level="insult", root="оскорбление", start=text.index("Идиоты"), end=text.index(", слыш"), words="Идиоты"),
    )


@given(st.text(max_size=300))
def test_any_text_is_read_and_every_span_is_true(text: str) -> None:
    found = find(text)
    assert all(text[one.start : one.end] == one.words for one in found)
    assert all(left.end <= right.start for left, right in pairwise(found))


@given(st.sampled_from(["пиздец", "ебаный", "долбоеб", "хуйня", "блядский", "мудаки", "пидорасы"]), st.data())
def test_one_hidden_letter_behind_the_first_hides_nothing(word: str, data: st.DataObject) -> None:
    place = data.draw(st.integers(1, len(word) - 1))
    assert levels(word[:place] + data.draw(st.sampled_from("*@#")) + word[place + 1 :]) == {"obscene"}


@given(st.sampled_from(["пиздец", "заебали", "хуйня", "блядь", "мудак"]), st.sampled_from([" ", ".", "-", "_", "*", " - "]))
def test_letters_held_apart_by_any_sign_are_found(word: str, sign: str) -> None:
    assert levels(f"вот же {sign.join(word)} и всё") == {"obscene"}


@given(st.sampled_from(["пиздец", "заебали", "хуйня", "блядь", "мудак"]), st.data())
def test_stretched_letters_and_any_case_are_found(word: str, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(word) - 1))
    stretched = word[:place] + word[place] * data.draw(st.integers(1, 9)) + word[place + 1 :]
    assert levels("".join(data.draw(st.sampled_from([letter, letter.upper()])) for letter in stretched)) == {"obscene"}


@pytest.mark.parametrize(
    "part",
    [
        "еб*",
        "а.",
        "а ",
        "вы ",
        "вы что все ",
        "еб",
        "pizd",
        "иди а а ",
        "\n",
        " ",
        "*",
        "-",
        "аa",
        "а1",
        "х\u200b",
        "персонал и есть ",
        "на х ",
        "a@",
        "your a is a ",
        "a.",
        "идиот ",
    ],
)
def test_time_grows_with_the_text_and_not_faster(part: str) -> None:
    """Four times the text may take at most eight times as long: a square would need sixteen."""

    def seconds(size: int) -> float:
        text = (part * size)[:size] + " идиот"
        begun = time.process_time()
        find(text)
        return time.process_time() - begun

    seconds(1000)
    small = min(seconds(10_000) for _ in range(3))
    assert min(seconds(40_000) for _ in range(3)) < 8 * small + 0.05
