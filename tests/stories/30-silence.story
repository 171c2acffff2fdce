A requester who was asked and stays silent is reminded after three days and closed after seven; an answer opens the ticket again

It is 2026-11-23 12:00.
olga@example.org writes "Помогите":
    Ничего не работает!!!
olga@example.org gets ground_insufficient_information.
Ticket 1 is clarification, waits for requester.

2 days later.
olga@example.org gets nothing.
25 hours later.
olga@example.org gets reminder:
    [PF-1]
    Статус заявки: Уточнение
# Nobody has proved that Olga wrote: nothing of her letter is repeated.
olga@example.org gets reminder without:
    Ничего не работает
    Помогите
The desk is started anew.
3 days later.
olga@example.org gets nothing.
1 day later.
olga@example.org gets closed_silence:
    [PF-1]
    п. 4.6
    не хватает информации
    Статус заявки: Выполнено
Ticket 1 is done, insufficient_information.
anna@providence.film gets nothing.

olga@example.org answers closed_silence:
    Извините, болела. Не открывается каталог: белый экран в Firefox 132 после входа.
Ticket 1 is created, waits for nobody.
anna@providence.film gets notice_update.
boris@providence.film gets notice_update.
The ledger adds up.
