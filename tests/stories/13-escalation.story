A question for another department: it gets the case, the requester is told, its answer comes back as a note (clauses 2.2, 3.1)

It is 2026-11-23 12:00.
ivan@example.org writes "Субтитры пропадают":
    Здравствуйте! В Chrome 131 на Windows 11 в фильме «Зеркало» субтитры пропадают после перемотки.
ivan@example.org gets acknowledgement.
anna@providence.film gets notice_new.
boris@providence.film gets notice_new.
anna@providence.film answers notice_new:
    #передать разработка
    Воспроизводится у меня, похоже на ошибку плеера.
anna@providence.film gets receipt.
Ticket 1 is in_progress, waits for department, owner anna, has a note.
3 minutes later.
dev@providence.film gets escalation:
    субтитры пропадают после перемотки
    похоже на ошибку плеера
ivan@example.org gets escalated:
    PF-1
ivan@example.org gets escalated without:
    похоже на ошибку плеера

dev@providence.film answers escalation:
    Нашли, исправим в ближайшем обновлении.
anna@providence.film gets notice_update:
    Нашли, исправим в ближайшем обновлении.
ivan@example.org gets nothing.
Ticket 1 is in_progress, waits for nobody.
The ledger adds up.
