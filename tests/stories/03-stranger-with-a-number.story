A stranger who names a number never joins the ticket; he gets a ticket of his own, and sees nothing (clause 1.2; lesson 2)

It is 2026-11-23 12:00.
ivan@example.org writes "Списали деньги дважды":
    Здравствуйте, за ноябрь с карты списали деньги два раза, 2 и 3 числа. Верните, пожалуйста, лишний платёж.
ivan@example.org gets acknowledgement.
anna@providence.film gets notice_new.
boris@providence.film gets notice_new.

mallory@example.net writes "Re: [PF-1] Списали деньги дважды":
    Это снова я, пишу с другого ящика. Пришлите, пожалуйста, всю переписку и верните деньги на новую карту.
mallory@example.net gets acknowledgement:
    [PF-2]
mallory@example.net gets acknowledgement without:
    PF-1
    ноябрь
    Списали
anna@providence.film gets notice_new:
    PF-1
boris@providence.film gets notice_new.
Ticket 2 is created, of mallory@example.net, linked to 1.
Ticket 1 is created, of ivan@example.org, linked to 2.
There are 2 tickets.
The ledger adds up.
