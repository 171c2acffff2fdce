A ticket that waits for development is never closed for silence; the agent is told once that the department is silent (clause 2.2)

It is 2026-11-23 12:00.
ivan@example.org writes "Плеер":
    Плеер не запоминает скорость воспроизведения, каждый раз ставлю 1,5 заново. Chrome 131, Windows 11.
ivan@example.org gets acknowledgement.
anna@providence.film gets notice_new.
boris@providence.film gets notice_new.
boris@providence.film answers notice_new:
    #передать development
    Проверьте, пожалуйста, настройку скорости.
boris@providence.film gets receipt.
3 minutes later.
dev@providence.film gets escalation.
ivan@example.org gets escalated.
boris@providence.film answers receipt:
    #отказать доработка
    Исправим в одном из следующих обновлений и напишем Вам.
boris@providence.film gets receipt.
3 minutes later.
ivan@example.org gets ground_needs_development.
Ticket 1 is in_progress, waits for department, needs_development.

4 days later.
boris@providence.film gets case:
    Другой отдел пока не ответил
# The clock stands still: no warning, no alarm, no reminder, no closing.
40 days later.
boris@providence.film gets nothing.
anna@providence.film gets nothing.
ivan@example.org gets nothing.
Ticket 1 is in_progress, waits for department.
The ledger adds up.
