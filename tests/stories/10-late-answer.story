A reply within fourteen days reopens a ticket; later, or under another subject, it opens a new, linked one (section 6; lesson 20)

# aligned: ivan@example.org
It is 2026-11-23 12:00.
ivan@example.org writes "Не грузится постер":
    Здравствуйте, у фильма «Зеркало» не грузится постер, вместо него серый квадрат. Chrome 131, Windows 11.
ivan@example.org gets acknowledgement:
    PF-1
anna@providence.film gets notice_new.
boris@providence.film gets notice_new.
anna@providence.film answers notice_new:
    #решено
    Постер вернулся на место, спасибо, что сообщили.
anna@providence.film gets receipt.
1 hour later.
ivan@example.org gets resolved_solved.

13 days later.
ivan@example.org answers resolved_solved:
    Постер снова пропал, опять серый квадрат.
Ticket 1 is in_progress, owner anna.
anna@providence.film gets notice_update.
anna@providence.film answers notice_update:
    #решено
    Теперь точно.
anna@providence.film gets receipt.
1 hour later.
ivan@example.org gets resolved_solved.

# Another subject with the old tag.
ivan@example.org writes "[PF-1] Другой вопрос":
    А как скачать фильм для просмотра в самолёте? В приложении на iPhone кнопку не нашёл.
ivan@example.org gets acknowledgement:
    PF-2
anna@providence.film gets notice_new:
    PF-1
boris@providence.film gets notice_new.
Ticket 2 is created, linked to 1.

# Too late. Nobody has taken the second ticket meanwhile: warned, and then the lead is told.
15 days later.
anna@providence.film gets case:
    Скоро срок
boris@providence.film gets case:
    Скоро срок
anna@providence.film gets case:
    Срок обращения вышел
ivan@example.org answers resolved_solved:
    И снова серый квадрат вместо постера, Chrome 131.
Ticket 1 is done.
Ticket 3 is created, linked to 1.
ivan@example.org gets acknowledgement.
anna@providence.film gets notice_new.
boris@providence.film gets notice_new.
The ledger adds up.
