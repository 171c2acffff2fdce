A complaint is shown to the lead at once, at night too, and closed by her, or by anybody while she is away (clause 5.1)

It is 2026-11-23 23:30.
ivan@example.org writes "Жалоба":
    Хочу пожаловаться на вашу поддержку: сотрудник мне грубил и три дня не отвечал на письма.
ivan@example.org gets acknowledgement.
anna@providence.film gets notice_new:
    сотрудник мне грубил
boris@providence.film gets nothing.
Ticket 1 is created, label complaint.
11 hours later.
boris@providence.film gets notice_new.

boris@providence.film answers notice_new:
    #решено жалоба
    Приносим извинения.
boris@providence.film gets command_error:
    только руководитель
Ticket 1 is created.
anna@providence.film answers notice_new:
    #отсутствую до 30.11.2026
anna@providence.film gets receipt.
boris@providence.film answers notice_new:
    #решено жалоба
    Приносим извинения, с сотрудником поговорили.
boris@providence.film gets receipt.
3 minutes later.
ivan@example.org gets resolved_complaint:
    Мы рассмотрели Вашу претензию
ivan@example.org gets resolved_complaint without:
    Оцените
Ticket 1 is done, complaint.
The ledger adds up.
