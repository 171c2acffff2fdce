A letter that nothing proves brings a person and does nothing else
# Ivan's mail program answers to the plain address of the desk; somebody else knows his address and the number as well.

It is 2026-11-23 12:00.
ivan@example.org writes "Чёрный экран":
    После входа открываю фильм в Chrome 131, жму «Смотреть», экран чёрный, ошибка 500. Вчера работало.
ivan@example.org gets acknowledgement:
    PF-1
anna@providence.film gets notice_new:
boris@providence.film gets notice_new:

ivan@example.org writes "Re: [PF-1] Чёрный экран":
    Вы идиоты, три дня не можете ответить
Ticket 1 is created, medium, unconfirmed, waits for nobody.
ivan@example.org gets nothing.
anna@providence.film gets notice_update:
    Отправитель не подтверждён
    правило insult
boris@providence.film gets notice_update:

anna@providence.film answers notice_update:
    #уточнить
    Какая версия Windows?
anna@providence.film gets receipt:
3 minutes later.
ivan@example.org gets clarify:
ivan@example.org writes "Re: [PF-1] Чёрный экран":
    Windows 11.
Ticket 1 is in_progress, waits for nobody.
anna@providence.film gets notice_update:
    Windows 11

anna@providence.film answers notice_update:
    #решено
    Починили, проверьте, пожалуйста.
anna@providence.film gets receipt:
3 minutes later.
ivan@example.org gets resolved_solved:
    Оцените

ivan@example.org writes "Re: [PF-1] Чёрный экран":
    Спасибо!
Ticket 1 is done, solved.
anna@providence.film gets nothing.
ivan@example.org writes "Re: [PF-1] Чёрный экран":
    1
Ticket 1 is done, solved, score 0.
anna@providence.film gets notice_update:
    Отправитель не подтверждён
ivan@example.org writes "Re: [PF-1] Чёрный экран":
    Опять чёрный экран, как и было.
Ticket 1 is done, solved, linked to 2.
Ticket 2 is created, linked to 1, of ivan@example.org, unconfirmed.
anna@providence.film gets notice_new:
    Отправитель не подтверждён
    Связано: PF-1
boris@providence.film gets notice_new:
ivan@example.org gets acknowledgement:
    PF-2

ivan@example.org answers resolved_solved:
    И звук пропал.
Ticket 1 is in_progress, owner anna.
anna@providence.film gets notice_update:
    снова открыто
The ledger adds up.
