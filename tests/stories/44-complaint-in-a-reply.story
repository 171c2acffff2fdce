A complaint in a later letter reaches the lead at once, though another agent has the ticket; clause 5.2's clock is told by #sla

It is 2026-11-23 12:00.
ivan@example.org writes "Субтитры":
    Добрый день. В фильме «Солярис» субтитры отстают от речи секунды на три. Смотрю в Firefox 132 на ноутбуке.
ivan@example.org gets acknowledgement.
anna@providence.film gets notice_new.
boris@providence.film gets notice_new.
boris@providence.film answers notice_new:
    #уточнить
    Какая у Вас версия Windows?
boris@providence.film gets receipt.
3 minutes later.
ivan@example.org gets clarify.
12 hours later.
ivan@example.org answers clarify:
    Windows 11. И хочу пожаловаться на вашу поддержку: сотрудник отвечает слишком долго.
# Midnight: the owner's notice waits for the morning, the lead's does not.
anna@providence.film gets case:
    Жалоба на обслуживание
    отвечает слишком долго
boris@providence.film gets nothing.
Ticket 1 is in_progress, owner boris, label complaint.
10 hours later.
boris@providence.film gets notice_update.
boris@providence.film answers notice_update:
    #срок
boris@providence.film gets receipt:
    Просрочены: 0
boris@providence.film gets receipt:
    48 ч по часам с 23.11.2026 12:00
    23.11.2026 12:00 – 24.11.2026 00:03: часы стоят
    срок: 26.11.2026 00:03, осталось 38 ч 00 мин
ivan@example.org gets nothing.
The ledger adds up.
