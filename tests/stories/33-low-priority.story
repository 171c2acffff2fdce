A wish waits seventy-two hours and is then offered to the lead, to take it or to refuse it (clause 5.2)

It is 2026-11-23 12:00.
ivan@example.org writes "Пожелание":
    Здравствуйте! Было бы здорово добавить тёмную тему в каталог. Это предложение, не проблема.
ivan@example.org gets acknowledgement.
anna@providence.film gets notice_new.
boris@providence.film gets notice_new.
Ticket 1 is created, low.

71 hours later.
anna@providence.film gets nothing.
1 hour later.
anna@providence.film gets case:
    взять или отказать
    #отказать низкий_приоритет
boris@providence.film gets nothing.
anna@providence.film answers case:
    #отказать низкий_приоритет
    Спасибо за мысль! Тёмной темы в ближайших планах нет.
anna@providence.film gets receipt.
3 minutes later.
ivan@example.org gets ground_low_priority:
    п. 5.2
    Тёмной темы в ближайших планах нет.
# A refusal asks for no score.
ivan@example.org gets ground_low_priority without:
    Оцените
Ticket 1 is done, low_priority.
5 days later.
anna@providence.film gets nothing.
The ledger adds up.
