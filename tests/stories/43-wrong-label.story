A film about a complaint is no complaint: the agent removes the label with a note and closes the ticket himself (clause 5.1)

It is 2026-11-23 12:00.
ivan@example.org writes "Жалоба":
    Хочу пожаловаться на вашу поддержку: сотрудник мне грубил и три дня не отвечал на письма.
ivan@example.org gets acknowledgement.
anna@providence.film gets notice_new.
boris@providence.film gets notice_new.
Ticket 1 is label complaint.
boris@providence.film answers notice_new:
    #решено
    Это название фильма, он в каталоге.
boris@providence.film gets command_error:
    только руководитель
boris@providence.film answers notice_new:
    #метка -complaint
    #заметка
    Это название фильма.
    #решено
    Фильм «Жалоба» снова в каталоге.
boris@providence.film gets receipt.
3 minutes later.
ivan@example.org gets resolved_solved:
    Оцените
ivan@example.org gets resolved_solved without:
    Это название фильма.
Ticket 1 is done, solved, has a note.
The ledger adds up.
