"""What the desk says to its staff in a word or a line: reasons, deeds, captions of buttons. (Russian, English.)"""

from __future__ import annotations

from enum import StrEnum

from bot.model import Ground
from bot.replies.words import WORDS, word

SAYINGS: dict[str, tuple[str, str]] = {
    # why no automatic answer went out (replies.gate)
    "machine": ("письмо написал робот или рассылка", "a robot or a mailing list wrote it"),
    "asked_not_to": ("отправитель просит не отвечать автоматически", "the sender asks for no automatic answers"),
    "no_address": ("у письма нет адреса для ответа", "the letter has no address to answer to"),
    "our_own": ("письмо пришло с адреса самой поддержки", "the letter came from the desk's own address"),
    "nobody_there": ("по этому адресу писем не читают", "nobody reads letters at that address"),
    "suppressed": ("на этот адрес письма не доходят", "letters do not reach that address"),
    "latched": ("адрес закрыт предохранителем, ответ задержан", "the address is latched, the answer is held"),
    "caps": ("слишком много автоматических писем, ответ задержан", "too many automatic letters, the answer is held"),
    "same_subject": ("третье письмо с той же темой за три часа, ответ задержан", "third letter with this subject in three hours, the answer is held"),
    "through": ("сегодня через это обращение подтверждение уже уходило", "an acknowledgement has gone out through this ticket today"),
    # a letter that is too large for its door (tickets.too_large)
    "too_large_imap": ("Лежит в ящике, папка Desk/Too large", "It is in the mailbox, folder Desk/Too large"),
    "too_large_pipe": ("Почтовый сервер вернул его отправителю", "The mail server returned it to its sender"),
    "too_large_told": ("Отправителю мы написали, что делать", "We have told its sender what to do"),
    "too_large_untold": ("Отправителю мы не написали: {}", "Its sender has not been told: {}"),
    # which automatic answer went out (its template)
    "acknowledgement": ("подтверждение с номером", "acknowledgement"),
    "topic_hours": ("ответ о режиме работы", "answer about working hours"),
    "topic_obtain_service": ("ответ о подключении", "answer about obtaining the service"),
    "topic_outage": ("ответ об аварии", "answer about the outage"),
    **{f"ground_{ground}": (f"вопрос по основанию «{pair[0]}»", f"a question on the ground “{pair[1]}”") for ground, pair in WORDS[Ground].items()},
    "status": ("ответ о статусе", "answer about the status"),
    "transcript": ("переписка по его просьбе", "the correspondence, as asked"),
    # findings
    "label_complaint": ("жалоба", "complaint"),
    "label_outage": ("авария", "outage"),
    "label_wish": ("пожелание", "wish"),
    "label_thanks": ("благодарность", "thanks"),
    "label_content-protection": ("защита контента", "content protection"),
    "label_outdated": ("старая версия", "old version"),
    # what is wrong with a letter (bot.reading)
    "encrypted with PGP": ("письмо зашифровано (PGP)", "encrypted with PGP"),
    "S/MIME, cannot be read here": ("письмо зашифровано (S/MIME)", "S/MIME, cannot be read here"),
    "winmail.dat, Outlook's own format": ("вложение в формате Outlook (winmail.dat)", "winmail.dat, Outlook's own format"),
    "hidden text left out": ("в письме был невидимый текст, он не показан", "hidden text, left out"),
    "text too long, cut": ("письмо очень длинное, показано начало", "text too long, cut"),
    "could not be read": ("письмо повреждено, текст может быть неполным", "damaged, the text may be incomplete"),
    # why its From proves nothing (bot.reading.guard)
    "control character in the headers": (
        "управляющий символ в заголовках, отправителю не верьте",
        "a control character in the headers, so do not trust From",
    ),
    "headers out of form": (
        "заголовки нарушены, отправителю не верьте",
        "malformed headers, so do not trust From",
    ),
    "too many headers": (
        "слишком много заголовков, отправителю не верьте",
        "too many headers, so do not trust From",
    ),
    "no From": ("нет отправителя (From)", "no From"),
    "From stands twice": ("два поля From, отправителю не верьте", "two From fields, so do not trust either"),
    "several people in From": (
        "несколько адресов в From, не верьте им",
        "several addresses in From, so do not trust them",
    ),
    "From is out of form": (
        "адрес отправителя записан неверно, не верьте ему",
        "a malformed From, so do not trust it",
    ),
    "another address in the name of From": (
        "в имени отправителя спрятан другой адрес, не верьте ему",
        "another address hidden in the sender's name, so do not trust From",
    ),
    # … or a proof of it does not count (bot.authenticate, bot.coverage)
    "DKIM leaves out From": ("подпись DKIM не охватывает отправителя", "its DKIM signature leaves out From"),
    "DKIM covers a part of the text": (
        "подписана (DKIM) только часть текста",
        "only a part of the text is signed (DKIM)",
    ),
    "a header stands twice": (
        "заголовок стоит дважды, подпись не в счёт",
        "a header stands twice, so its signature is void",
    ),
    "the relay checked another From": (
        "почтовый сервер проверил другого отправителя",
        "the mail server has checked another sender",
    ),
    "the relay reports dmarc=fail": (
        "проверка отправителя (DMARC) не пройдена, возможна подделка",
        "the check of its sender (DMARC) failed, it may be forged",
    ),
    "action_suspend": ("приостановлено", "suspended"),
    "action_refuse": ("отказано", "refused"),
    "action_hint": ("подсказка", "hint"),
    "action_stay": ("подсказка", "hint"),
    "priority_high": ("приоритет: высокий", "priority: high"),
    "priority_medium": ("приоритет: средний", "priority: medium"),
    "priority_low": ("приоритет: низкий", "priority: low"),
    # what a receipt says was done
    "taken": ("обращение теперь за Вами", "the ticket is yours"),
    "taken_already": ("обращение уже за Вами", "the ticket was yours already"),
    "resolved": ("закрыто, резолюция: {}", "closed, resolution: {}"),
    "owner_told": ("обращение ведёт {}: владельцу ушло уведомление", "the ticket is {}'s, who is told"),
    "refused": ("отказано, основание: {}", "refused, ground: {}"),
    "suspended": ("приостановлено, основание: {}", "suspended, ground: {}"),
    "noted": ("заметка сохранена, пользователь её не увидит", "the note is kept; the customer will not see it"),
    "noted_above": (
        "текст над первой командой сохранён как заметка, пользователь его не увидит",
        "the text above the first command is kept as a note; the customer will not see it",
    ),
    "noted_under": (
        "текст под #{} сохранён как заметка, пользователь его не увидит",
        "the text under #{} is kept as a note; the customer will not see it",
    ),
    "escalated": ("передано: {}", "passed on: {}"),
    "priority": ("приоритет: {}", "priority: {}"),
    "assigned": ("назначено: {}", "assigned: {}"),
    "freed": ("обращение возвращено в очередь", "the ticket is back in the queue"),
    "reopened": ("обращение снова открыто", "the ticket is open again"),
    "spam": ("закрыто молча как спам", "closed silently as spam"),
    "undone": ("отменено: письмо с командами от {}", "taken back: the command letter of {}"),
    "undone_waiting": (
        "не уйдёт: письмо для {} (команды от {}). Статус, владелец и остальное остаются как есть",
        "will not leave: the letter to {} (commands of {}). Status, owner and all else stay as they are",
    ),
    "undone_quoted": (
        "внимание: письмо, составленное позже, ещё уйдёт, и этот текст может стоять в его истории",
        "note: a letter written later will still leave, and its history may hold this text",
    ),
    "undone_told": (
        "команды были другого сотрудника: {}; ушло письмо об этом",
        "the commands were {}'s, who is told",
    ),
    "kept_sent": ("сохранённый текст отправлен пользователю", "the kept text goes to the customer"),
    "label_on": ("метка: {}", "label: {}"),
    "label_off": ("метка снята: {}", "label taken off: {}"),
    "cc": (
        "участник добавлен: {}. Получит ответы и переписку под ними (писем: {})",
        "participant added: {}. They get answers, with the letters below ({})",
    ),
    "uncc": (
        "участник убран: {}. Не уйдёт из того, что ждало отправки: {}",
        "participant removed: {}. Letters stopped that were waiting: {}",
    ),
    "apart": ("{} — отдельным письмом", "{} — in a letter of its own"),
    "merged": (
        "присоединено к {}; письмо пользователю — в отчёте оттуда",
        "merged into {}, whose receipt shows the letter",
    ),
    "merged_here": ("сюда присоединено обращение {}", "{} is now part of this ticket"),
    "merged_reader": ("{1} и {2} целиком видит только {0}", "only {0} sees all of {1} and {2}"),
    "merged_participants": (
        "участники по-прежнему получают ответы, но переписки {1} не увидят: {0}",
        "participants go on getting answers, without the letters of {1}: {0}",
    ),
    "merged_left": (
        "участники {} не перенесены: {}; если нужны здесь — #{} и адрес",
        "participants of {} are not carried over: {}; if wanted here, #{} and the address",
    ),
    "file_sent": ("файл приложен: «{}». Пользователь прислал его сам, откройте с осторожностью", "the file is attached: “{}”. Open it with care"),
    "remind": ("напомню {}", "a reminder will come on {}"),
    "away": ("Вас нет до {}; обращений вернулось в очередь: {}", "you are away until {}; tickets back in the queue: {}"),
    "back": ("Вы снова на месте", "you are back"),
    "outage": ("объявлено о сбое; когда он устранён, напишите «#авария конец»", "the outage is announced; end it with “#outage over”"),
    "outage_over": ("объявление о сбое снято", "the announcement is over"),
    "blocked": ("письма с {} не принимаются 30 дней", "letters of {} are not taken for 30 days"),
    "unblocked": ("письма с {} снова принимаются", "letters of {} are taken again"),
    "released": ("предохранитель снят, отпущено писем: {}", "the latch is open, letters let go: {}"),
    "overridden": ("правило «{}» отменено, пример записан для администратора", "rule “{}” overridden, the example is kept for the admin"),
    "update_told": ("пользователю сообщено, что обновление вышло", "the customer is told that the update is out"),
    "transcript_sent": ("переписка отправлена пользователю", "the correspondence goes to the customer"),
    "why_assigned": ("{} передаёт Вам это обращение", "{} assigns this ticket to you"),
    "why_other": (
        "Вашим обращением занимается и другой сотрудник: {}",
        "{} has written or decided in your ticket",
    ),
    "why_undone": (
        "Ваши команды от {} отменены. Отменил(а): {}",
        "Your commands of {} were taken back by {}",
    ),
    "why_next": ("{}: обращение взято из очереди, оно Ваше", "{}: taken from the queue, the ticket is yours"),
    "why_shown": ("{}: обращение целиком", "{}: the whole ticket"),
    "why_split": ("{}: обращение отделено, оно Ваше", "{}: a ticket of its own, and yours"),
    "why_opened": (
        "{}: обращение заведено по письму, оно Ваше",
        "{}: opened from a letter, the ticket is yours",
    ),
    "why_remind": ("Вы просили напомнить об этом обращении", "You asked to be reminded of this ticket"),
    # lists
    "queue_free": ("Свободные: {}", "Free: {}"),
    "queue_mine": ("Ваши: {}", "Yours: {}"),
    "queue_asked": ("Ждут ответа пользователя, свободные: {}", "Waiting for their requesters, free: {}"),
    "share_from": ("От одного отправителя ({})", "From one sender ({})"),
    "share_at": ("С одного сервера ({})", "From one mail server ({})"),
    "share_domain": ("С адресов @{}", "From addresses at {}"),
    "share_names": ("Письма от имени сотрудников ({})", "Letters in the name of staff ({})"),
    "share_all": ("От разных отправителей", "From different senders"),
    "sla_late": ("Просрочены: {}", "Overdue: {}"),
    "sla_soon": ("Срок в ближайшие сутки: {}", "Due within a day: {}"),
    "found": ("Найдено: {}", "Found: {}"),
    "none": ("нет", "none"),
    "cut": (
        "… и ещё {} знаков; письмо целиком покажет #показать",
        "… and {} characters more; #show shows the whole letter",
    ),
    "until": ("до {}", "until {}"),
    # whose words an entry holds
    "internal": ("внутреннее", "internal"),
    "commands": ("Команды: {}", "Commands: {}"),
    "taken_back": ("отменено, не отправлено", "taken back, not sent"),
    "part_astray": ("с другого адреса", "from another address"),
    "unconfirmed": ("отправитель не подтверждён", "sender not confirmed"),
    "part_customer": ("пользователь", "customer"),
    "part_customer_made": ("пользователь, внесено сотрудником", "customer, entered by an agent"),
    "part_participant": ("участник", "participant"),
    "part_department": ("отдел", "department"),
    "part_agent": ("поддержка", "support"),
    "part_machine": ("автоответ", "automatic reply"),
    "part_desk": ("сообщение почты", "mail system"),
    "not_delivered": ("Письмо для {} не доставлено", "Letter to {} not delivered"),
    # why a line or a letter is refused
    "unknown_command": ("такой команды нет: «{}»", "no such command: “{}”"),
    "unclear_command": (
        "похоже на команду {}: поставьте её первой в строке, текст — после пробела; если это не команда, поставьте перед # черту: \\#",
        "looks like the command {}: put it first in its line and a blank after it; if it is none, put a backslash before #: \\#",
    ),
    "too_many": ("в одном письме не больше {} команд", "no more than {} commands in one letter"),
    "unknown_argument": ("не понимаю слово «{}»", "“{}” is not understood"),
    "argument_missing": ("не хватает слова после команды: {}", "a word is missing after the command: {}"),
    "text_missing": ("под командой #{} нужен текст", "#{} needs a text below it"),
    "resolve_text": (
        "пользователь ещё не получал ответа от сотрудника: под #решено нужен текст",
        "the customer has had no answer from an agent yet: #resolve needs a text",
    ),
    "illegal_move": ("из статуса «{}» так нельзя", "not possible from the status “{}”"),
    "taken_by_other": ("обращение уже взял(а) {}", "{} has the ticket already"),
    "nothing_to_undo": ("отменять нечего", "there is nothing to take back"),
    "undo_overtaken": (
        "отменить можно только последнее письмо с командами; последнее: {}",
        "only the last command letter can be taken back: {}",
    ),
    "undo_others": ("последнее письмо с командами не Ваше: {}", "the last command letter is not yours: {}"),
    "undo_elsewhere": ("эти команды отменяются из обращения {}", "these commands are taken back from {}"),
    "undo_too_late": ("поздно: письмо уже ушло пользователю", "too late: the letter has left"),
    "undo_never": (
        "в письме была команда, которую отменить нельзя (#вернулся, #разблокировать, #отпустить, конец сбоя)",
        "the letter held a command that cannot be taken back (#back, #unblock, #release, the end of an outage)",
    ),
    "undo_changed": ("поздно: с тех пор обращение изменилось", "too late: the ticket has changed since"),
    "nothing_kept": ("сохранённого текста нет или прошли сутки", "there is no kept text, or it is older than a day"),
    "kept_many": ("сохранённых текстов несколько, назовите номер", "there are several kept texts, name one"),
    "too_long": (
        "Письмо пришло не на подписанный адрес из Вашего уведомления и слишком длинное, чтобы о нём спросить. Ответьте на уведомление",
        "The letter did not come to the signed address of your own notice, and it is too long to be asked about. Reply to a notice",
    ),
    "no_requester": ("у обращения нет адреса пользователя", "the ticket has no address of a customer"),
    "no_ticket": ("обращения с таким номером нет", "there is no ticket of that number"),
    "erased": ("слова обращения {} стёрты", "the words of {} have been erased"),
    "no_single_ticket": (
        "письмо не про одно обращение: ответьте на письмо самого обращения или нажмите его ссылку в списке",
        "this letter is not about one ticket: answer the ticket's own letter, or press its link in the list",
    ),
    "which_ticket": (
        "ниже #{} неясно, к какому обращению команда: поставьте её выше или ответьте на письмо обращения",
        "below #{} it is not clear which ticket is meant: put it above, or answer that ticket's letter",
    ),
    "leads_only": ("это может только руководитель", "only a lead may do that"),
    "unproved": (
        "письмо пришло не на подписанный адрес из Вашего уведомления, поэтому ничего не сделано",
        "the letter did not come to the signed address of your own notice, so nothing was done",
    ),
    "expired": (
        "подписанный адрес устарел; ответьте на более новое письмо по обращению",
        "the signed address has expired; reply to a newer letter of the ticket",
    ),
    "leak": ("в тексте для пользователя есть внутренние слова: «{}»", "the customer's text holds internal words: “{}”"),
    "quotation": (
        "в письме стоит кусок нашего письма или слова пользователя без знака цитаты: «{}». Уберите их и отправьте снова",
        "your letter holds a piece of ours, or the customer's words, unmarked: “{}”. Take them out and send it again",
    ),
    "letter_too_long": (
        "в письме больше {} знаков: сократите его или приложите текст файлом",
        "the letter has more than {} characters: shorten it, or attach the text as a file",
    ),
    "below_quote": (
        "команда стоит под цитатой, а там мы команд не читаем: слова могут быть чужие. Напишите её, пожалуйста, выше",
        "this command stands below a quotation, where the words may be somebody else's. Please write it above",
    ),
    "left_below": (
        "строку «{}» под цитатой мы не выполняли; если она нужна, напишите её выше цитаты",
        "we left the line “{}” below the quotation alone; if you need it, write it above",
    ),
    "foreign_command": (
        "текст под #{} чужой, команд в нём мы не выполняем: поставьте перед строкой > или \\, а свою напишите выше",
        "the text below #{} is somebody else's: put > or \\ before this line, or, if it is yours, write it above",
    ),
    "no_command": ("в письме нет ни команды, ни номера обращения", "the letter names neither a command nor a ticket"),
    "nothing_to_confirm": ("подтверждать нечего: письмо уже выполнено или срок прошёл", "nothing to confirm: it is done already, or too late"),
    "confirm_changed": (
        "с тех пор многое изменилось, и письмо сделало бы уже не то, что мы показали; пришлите его ещё раз",
        "things have changed since, and your letter would now do something else: please send it again",
    ),
    "confirm_alone": (
        "в ответе на просьбу о подтверждении нужна одна строка, выше цитаты: #подтвердить",
        "the answer needs one line and no other, above the quotation: #confirm",
    ),
    "undo_alone": ("#отмена должна стоять в письме одна", "#undo has to stand alone in its letter"),
    "merge_last": ("#объединить должна быть последней командой письма", "#merge has to be the last command of its letter"),
    "queue_empty": ("очередь пуста", "the queue is empty"),
    "no_file": ("файла с номером {} нет", "there is no file number {}"),
    "date_past": ("{} уже прошло", "{} is past"),
    "away_too_long": ("не дольше 31 дня; потом продлите", "at most 31 days; then say it again"),
    "merge_itself": ("обращение нельзя присоединить к нему самому", "a ticket cannot be merged into itself"),
    "merge_stranger": ("то обращение от другого пользователя: {} (п. 1.2)", "that ticket is another requester's: {} (clause 1.2)"),
    "unknown_person": ("{} в поддержку не писал(а): чужому адресу ничего не заводим", "{} has not written to the desk"),
    "no_participant": ("{} в обращении не участвует", "{} takes no part in the ticket"),
    "no_rule": ("в этом обращении правила ничего не решили", "no rule has decided anything in this ticket"),
    "no_template": ("готового ответа «{}» нет", "there is no ready answer “{}”"),
    "fields_missing": ("не хватает полей: {}", "fields are missing: {}"),
    "pictures_left": (
        (
            "не отправлено: {}. Скрытые сведения, например место съёмки, мы убираем только из JPG, GIF и "
            "PNG, а другие картинки можно послать в архиве"
        ),
        (
            "not sent: {}. We can only remove hidden data, such as where a photo was taken, from JPG, GIF "
            "and PNG; other pictures can go in an archive"
        ),
    ),
    "files_too_big": ("файлы вместе больше {} МБ", "the files are larger than {} MB together"),
    "argument_number": ("номер", "a number"),
    "argument_address": ("адрес почты", "a mail address"),
    "argument_date": ("дата", "a day"),
    "argument_free": ("слово или текст", "a word or a text"),
    "argument_resolution": ("резолюция", "a resolution"),
    "argument_ground": ("основание", "a ground"),
    "argument_department": ("отдел", "a department"),
    "argument_priority": ("приоритет", "a priority"),
    "argument_agent": ("сотрудник", "an agent"),
    "allowed": ("можно: {}", "allowed: {}"),
    "nearest": ("может быть, {}?", "perhaps {}?"),
}

CAPTIONS: dict[str, tuple[str, str, str, str]] = {  # command -> word and caption in Russian, in English
    "take": ("взять", "Взять", "take", "Take"),
    "reply": ("ответ", "Ответить", "reply", "Reply"),
    "clarify": ("уточнить", "Уточнить", "clarify", "Ask"),
    "resolve": ("решено", "Решено", "resolve", "Resolve"),
    "note": ("заметка", "Заметка", "note", "Note"),
    "undo": ("отмена", "Отменить", "undo", "Undo"),
    "send": ("отправить", "Отправить пользователю", "send", "Send to the customer"),
    "show": ("показать", "Показать обращение", "show", "Show the ticket"),
    "confirm": ("подтвердить", "Да, это писал(а) я", "confirm", "Yes, I wrote it"),
    "next": ("следующее", "Взять следующее", "next", "Take the next"),
    "queue": ("очередь", "Очередь", "queue", "The queue"),
    "help": ("помощь", "Все команды", "help", "All commands"),
}


def say(code: str, language: str, *values: object) -> str:
    """The line for a code, with its values; codes of statuses, resolutions and grounds are found as well; an unknown code is shown as it is."""
    pair = SAYINGS.get(code)
    if pair:
        return pair[language != "ru"].format(*values)
    if isinstance(code, StrEnum):
        return word(code, language)
    return next((words[one][language != "ru"] for kind, words in WORDS.items() for one in words if one == code and kind is not None), code)


def sentence(line: str) -> str:
    """The line with a capital at its start; a command or a quotation stays as it is."""
    return line[:1].upper() + line[1:]


def label(command: str, language: str) -> tuple[str, str]:
    """(command word, caption of its button)."""
    russian, russian_caption, english, caption = CAPTIONS[command]
    return (russian, russian_caption) if language == "ru" else (english, caption)
