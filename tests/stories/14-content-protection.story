Who asks to be connected to content protection is told that the partners have it, and the partners get the request, contract or not (clause 3.3)

It is 2026-11-23 12:00.
studio@example.org writes "Защита контента":
    Добрый день! Мы правообладатели сериала, хотим подключиться к вашей системе защиты контента. Договора с вами пока нет, готовы заключить.
studio@example.org gets acknowledgement:
    PF-1
    партнёрский отдел
partners@providence.film gets escalation:
    хотим подключиться к вашей системе защиты контента
anna@providence.film gets notice_new.
boris@providence.film gets notice_new.
Ticket 1 is created.
The ledger adds up.
