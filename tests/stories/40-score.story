The closing letter asks for a score; it counts once, a low one reaches the lead with the history (clause 6)

It is 2026-11-23 12:00.
ivan@example.org writes "Постер":
    У фильма «Сталкер» пропал постер, серый квадрат вместо картинки. Chrome 131.
ivan@example.org gets acknowledgement.
anna@providence.film gets notice_new.
boris@providence.film gets notice_new.
boris@providence.film answers notice_new:
    #решено
    Постер на месте.
boris@providence.film gets receipt.
3 minutes later.
ivan@example.org gets resolved_solved:
    Оцените, пожалуйста, нашу работу от 1 до 5
    Оценка: 1
    Оценка: 5

# Seven does not count, and Ivan is told so kindly.
ivan@example.org answers resolved_solved:
    7
ivan@example.org gets score:
    от 1 до 5
Ticket 1 is done, score 0.
ivan@example.org clicks 2 in resolved_solved:
    Оценка: 2

    Ждал два дня.
ivan@example.org gets score:
    Спасибо за честную оценку
anna@providence.film gets case:
    Оценка 2 из 5
    Ждал два дня.
    Постер на месте.
boris@providence.film gets nothing.
Ticket 1 is done, solved, score 2.

1 hour later.
# The first one stays; a stranger's and a robot's count for nothing.
ivan@example.org clicks 5 in resolved_solved:
    Оценка: 5
ivan@example.org gets score:
    уже записали: 2
Ticket 1 is done, score 2.
mallory@example.net clicks 5 in resolved_solved of ivan@example.org:
    Оценка: 5
mallory@example.net gets nothing.
There is 1 ticket.

# Ivan is not asked again within thirty days.
ivan@example.org writes "Звук":
    В сериале «Метод» нет звука в третьей серии, в остальных есть. Chrome 131.
ivan@example.org gets acknowledgement.
anna@providence.film gets notice_new.
boris@providence.film gets notice_new.
boris@providence.film answers notice_new:
    #решено
    Звук вернулся.
boris@providence.film gets receipt.
3 minutes later.
ivan@example.org gets resolved_solved without:
    Оцените
Ticket 2 is done, score 0.
The ledger adds up.
