Robots are never answered: vacation mail, lists, bounces; and they change neither status nor clock (section 7; lessons 3, 8, 12)

It is 2026-11-23 12:00.
ivan@example.org writes "Не открывается каталог":
    Здравствуйте! В приложении на iPhone каталог не открывается: крутится колесо, потом «Ошибка 17». Приложение переустановил.
ivan@example.org gets acknowledgement.
anna@providence.film gets notice_new.
boris@providence.film gets notice_new.

# An agent's vacation mail with a quoted command does nothing and reaches nobody.
anna@providence.film answers notice_new with Auto-Submitted: auto-replied:
    Я в отпуске до понедельника.
    #решено
    Всё починили.
ivan@example.org gets nothing.
Ticket 1 is created, owner nobody.

ivan@example.org answers acknowledgement with Auto-Submitted: auto-replied; owner-email=ivan@example.org:
    Я в отпуске, отвечу в декабре.
anna@providence.film gets nothing.
ivan@example.org gets nothing.
Ticket 1 is created.

# A list makes a ticket and gets no answer.
news@example.net writes "Новости недели" with List-Id: <news.example.net>:
    Читайте в этом выпуске: новинки проката, интервью, расписание показов на неделю.
news@example.net gets nothing.
anna@providence.film gets notice_new:
    PF-2
    робот или рассылка
boris@providence.film gets notice_new.

# The null sender is a machine.
mailer-daemon@example.net writes "Undelivered Mail Returned to Sender" with envelope <>:
    This is the mail system at host mx.example.net. Your message could not be delivered.
mailer-daemon@example.net gets nothing.
There are 2 tickets.
The ledger adds up.
