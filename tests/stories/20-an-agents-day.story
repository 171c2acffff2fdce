An agent's working day, and what it costs everybody in letters (section 8)

It is 2026-11-23 12:00.
ivan@example.org writes "Пропал звук":
    Добрый день! Во всех фильмах пропал звук, в браузере Chrome 131 на Windows 11. На других сайтах звук есть.
anna@providence.film has got 1 letter.
boris@providence.film has got 1 letter.

# A question, its answer, the solution: the owner alone hears of it, four letters in all.
anna@providence.film answers notice_new:
    #уточнить
    Иван, звук пропал после обновления Windows?
anna@providence.film gets receipt.
3 minutes later.
ivan@example.org gets clarify.
ivan@example.org answers clarify:
    Да, вчера вечером обновилась.
anna@providence.film gets notice_update.
anna@providence.film answers notice_update:
    #заметка
    Известная беда с драйвером Realtek.
    #решено
    Обновите, пожалуйста, драйвер звуковой карты: после вчерашнего обновления Windows это помогает.
anna@providence.film gets receipt:
    драйвер звуковой карты
3 minutes later.
ivan@example.org gets resolved_solved.
Ticket 1 is done.
anna@providence.film has got 4 letters.
boris@providence.film has got 1 letter.
ivan@example.org has got 3 letters.

# The same person writes twice of one matter; it gets one number.
petr@example.net writes "Код не приходит":
    Здравствуйте! Не приходит код подтверждения на почту, жду уже час. Пробовал дважды в Firefox 140.
petr@example.net writes "Ещё про код":
    Забыл сказать про код подтверждения: вчера он приходил сразу, почта на example.net, Firefox 140.
There are 3 tickets.
anna@providence.film answers notice_new:
    #объединить PF-2
anna@providence.film gets receipt:
    [PF-2]
    Сюда присоединено обращение PF-3
anna@providence.film gets receipt:
    [PF-3]
    Присоединено к PF-2
3 minutes later.
petr@example.net gets merged:
    [PF-2]
Ticket 3 is done.

# The old number still leads to the right place, for agents as for the requester; two take at once, the first has it.
boris@providence.film answers notice_new:
    #взять
boris@providence.film gets receipt.
anna@providence.film answers notice_new:
    #взять
anna@providence.film gets command_error.
Ticket 2 is in_progress, owner boris.

# Boris leaves; what he has goes back to the queue, and Anna takes the next.
boris@providence.film answers receipt:
    #отсутствую до 30.11
boris@providence.film gets receipt.
Ticket 2 is created, owner nobody.
anna@providence.film answers receipt:
    #следующее
anna@providence.film gets case:
    [PF-2]
    Не приходит код подтверждения
anna@providence.film gets receipt without:
    Не приходит код подтверждения
Ticket 2 is in_progress, owner anna.
boris@providence.film has got 5 letters.
anna@providence.film has got 10 letters.
petr@example.net has got 3 letters.
The ledger adds up.
