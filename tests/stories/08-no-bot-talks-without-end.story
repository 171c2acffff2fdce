Nobody makes the desk talk without end: over the caps an address is latched, its letters are held, and the tickets are still there (section 7; lesson 24)

It is 2026-11-23 12:00.
bob@example.net writes "Раз":
    Первое письмо: не проигрывается трейлер на главной странице сайта, Chrome 131.
bob@example.net writes "Два":
    Второе письмо: не проигрывается второй трейлер на главной странице сайта, Chrome 131.
bob@example.net writes "Три":
    Третье письмо: не проигрывается третий трейлер на главной странице сайта, Chrome 131.
bob@example.net gets acknowledgement.
bob@example.net gets acknowledgement.
bob@example.net gets acknowledgement.
bob@example.net writes "Четыре":
    Четвёртое письмо: не проигрывается четвёртый трейлер на главной странице сайта, Chrome 131.
bob@example.net gets nothing.
There are 4 tickets.
anna@providence.film gets notice_new.
anna@providence.film gets notice_new.
anna@providence.film gets notice_new.
anna@providence.film gets notice_new:
    ответ задержан
boris@providence.film gets notice_new.
boris@providence.film gets notice_new.
boris@providence.film gets notice_new.
boris@providence.film gets notice_new.
anna@providence.film gets alert:
    bob@example.net
The ledger adds up.
