A ticket that nobody takes: its agents are warned four hours before it is due, the lead is told when it is over; each once

It is 2026-11-23 12:00.
ivan@example.org writes "Субтитры":
    Добрый день. В фильме «Солярис» субтитры отстают от речи секунды на три. Смотрю в Firefox 132 на ноутбуке.
ivan@example.org gets acknowledgement without:
    48
    25 ноября
anna@providence.film gets notice_new.
boris@providence.film gets notice_new.

44 hours later.
# 8:00 is before work begins.
anna@providence.film gets nothing.
2 hours later.
anna@providence.film gets case:
    Скоро срок обращения
    срок: 25 ноября в 12:00
boris@providence.film gets case:
    Скоро срок обращения
boris@providence.film answers case:
    #взять
boris@providence.film gets receipt.
2 hours later.
boris@providence.film gets nothing.
anna@providence.film gets case:
    Срок обращения вышел
    ведёт Борис
The desk is started anew.
5 days later.
anna@providence.film gets nothing.
boris@providence.film gets nothing.
ivan@example.org gets nothing.
The ledger adds up.
