Working hours are answered at once, and the ticket is done where nothing else is asked (clause 7)

It is 2026-11-23 12:00.
ivan@example.org writes "Режим работы":
    Подскажите, пожалуйста, до скольки сегодня работает поддержка?
ivan@example.org gets topic_hours:
    с 10:00 до 22:00
Ticket 1 is done, solved.
anna@providence.film gets nothing.
The ledger adds up.
