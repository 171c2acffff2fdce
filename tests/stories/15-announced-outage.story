A lead announces an outage by mail; who reports it is answered with it, and everybody is told when it is over (clause 7)

It is 2026-11-23 12:00.
ivan@example.org writes "Сайт лежит":
    Сайт providence.film не открывается ни у кого в нашем офисе, ошибка 502 на всех страницах, Сервис недоступен.
ivan@example.org gets acknowledgement.
anna@providence.film gets notice_new.
boris@providence.film gets notice_new.
anna@providence.film answers notice_new:
    #авария
    Провайдер чинит канал, сайт вернётся в течение часа.
anna@providence.film gets receipt.

olga@example.org writes "Не работает сайт":
    Весь сайт недоступен со вчерашнего вечера, ошибка 502 у всех коллег, Сервис лежит.
olga@example.org gets topic_outage:
    Провайдер чинит канал
Ticket 2 is created, high, label announcement:mail.
anna@providence.film gets notice_new.
boris@providence.film gets notice_new.

1 hour later.
anna@providence.film answers notice_new:
    #авария over
anna@providence.film gets receipt.
1 hour later.
olga@example.org gets outage_over:
    PF-2
    Статус заявки: Выполнено
Ticket 2 is done, solved.
# Ivan was answered before the outage was announced: Anna has his ticket in the queue.
Ticket 1 is created.
2 hours later.
olga@example.org gets nothing.
The ledger adds up.
