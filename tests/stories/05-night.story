A letter at night is acknowledged at once; the agents sleep, unless the service is down (clause 2.1)

It is 2026-11-23 23:30.
ivan@example.org writes "Субтитры":
    Добрый вечер. В фильме «Солярис» субтитры отстают от речи секунды на три. Смотрю в Firefox 132 на ноутбуке.
ivan@example.org gets acknowledgement:
    24 ноября
    10:00
anna@providence.film gets nothing.

olga@example.org writes "Сайт лежит":
    Сайт providence.film не открывается ни у кого в нашем офисе, ошибка 502 на всех страницах, Сервис недоступен.
olga@example.org gets acknowledgement.
Ticket 2 is created, high.
anna@providence.film gets notice_new:
    PF-2
    приоритет: высокий
boris@providence.film gets notice_new:
    PF-2

11 hours later.
anna@providence.film gets notice_new:
    PF-1
boris@providence.film gets notice_new:
    PF-1
The ledger adds up.
