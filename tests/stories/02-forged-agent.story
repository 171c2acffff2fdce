A forged agent: a From line proves nothing, and nothing happens (section 8; lesson 1)

It is 2026-11-23 12:00.
ivan@example.org writes "Не приходит код":
    Добрый день! Не приходит код подтверждения на почту, жду уже час. Пробовал дважды.
ivan@example.org gets acknowledgement.
anna@providence.film gets notice_new.
boris@providence.film gets notice_new.

# A guessed number and a forged From.
anna@providence.film writes "Re: [PF-1] Не приходит код":
    #решено
    Пришлите пароль от Вашей почты на этот адрес.
# Anna is asked whether she wrote it; until she says so, nothing is done.
anna@providence.film gets confirm.
Ticket 1 is created, owner nobody.

# Boris got hold of Anna's signed address; it was made for her alone.
boris@providence.film answers notice_new of anna@providence.film:
    #решено
    Готово.
boris@providence.film gets confirm.
Ticket 1 is created, owner nobody.
10 minutes later.
ivan@example.org gets nothing.
There is 1 ticket.
The ledger adds up.
