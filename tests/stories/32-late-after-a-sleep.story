The desk slept for ten days: what was missed happens once, and nobody's ticket is closed without a reminder

It is 2026-11-23 12:00.
olga@example.org writes "Помогите":
    Ничего не работает!!!
olga@example.org gets ground_insufficient_information.
ivan@example.org writes "Субтитры":
    Добрый день. В фильме «Солярис» субтитры отстают от речи секунды на три. Смотрю в Firefox 132 на ноутбуке.
ivan@example.org gets acknowledgement.
anna@providence.film gets notice_new.
boris@providence.film gets notice_new.

It is 2026-12-03 12:00.
The desk is started anew.
1 minute later.
olga@example.org gets reminder.
anna@providence.film gets case:
    Срок обращения вышел
boris@providence.film gets nothing.
Ticket 1 is clarification.

# The clock is set back, and comes again.
It is 2026-11-30 12:00.
3 days later.
olga@example.org gets nothing.
anna@providence.film gets nothing.
5 days later.
olga@example.org gets closed_silence.
Ticket 1 is done.
The ledger adds up.
