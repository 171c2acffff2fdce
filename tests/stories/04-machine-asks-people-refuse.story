As shipped the machine asks and people refuse: a letter without a description is asked for one, and any answer brings a person

It is 2026-11-23 12:00.
olga@example.org writes "Помогите":
    Ничего не работает!!!
olga@example.org gets ground_insufficient_information:
    PF-1
    п. 4.2
# The machine has asked: nobody's work yet.
anna@providence.film gets nothing.
Ticket 1 is clarification, waits for requester, insufficient_information.

olga@example.org answers ground_insufficient_information:
    Да всё не работает.
Ticket 1 is created, waits for nobody.
anna@providence.film gets notice_update:
    Да всё не работает.
boris@providence.film gets notice_update.
olga@example.org gets nothing.
The ledger adds up.
