A command letter is carried out whole or refused whole; a letter without a command is sent to nobody (section 8; lessons 4, 7)

It is 2026-11-23 12:00.
ivan@example.org writes "Пропал звук":
    Добрый день! Во всех фильмах пропал звук, в браузере Chrome 131 на Windows 11. На других сайтах звук есть.
ivan@example.org gets acknowledgement.
anna@providence.film gets notice_new.
boris@providence.film gets notice_new.

anna@providence.film answers notice_new:
    #взять
    #решенно
    Звук починили.
anna@providence.film gets command_error:
    #решенно
    #решено
Ticket 1 is created, owner nobody.

anna@providence.film answers notice_new:
    Иван, попробуйте, пожалуйста, обновить страницу.
anna@providence.film gets kept:
    Иван, попробуйте, пожалуйста, обновить страницу.
ivan@example.org gets nothing.
Ticket 1 is created, owner nobody.

anna@providence.film answers kept:
    #отправить
anna@providence.film gets receipt:
    Иван, попробуйте, пожалуйста, обновить страницу.
3 minutes later.
ivan@example.org gets reply:
    Иван, попробуйте, пожалуйста, обновить страницу.
Ticket 1 is in_progress, owner anna.

# Second thoughts within the undo window.
anna@providence.film answers receipt:
    #решено
    Всё починили!
anna@providence.film gets receipt:
    Всё починили!
Ticket 1 is done, solved.
1 minute later.
anna@providence.film answers receipt:
    #отмена
anna@providence.film gets receipt.
Ticket 1 is in_progress, owner anna.
10 minutes later.
ivan@example.org gets nothing.

# A note stays inside, and so does what stands above the first command.
anna@providence.film answers notice_new:
    Похоже на старую ошибку плеера.
    №заметка
    Проверить кодек у разработчиков.
    #ответ
    Иван, мы нашли причину и готовим исправление.
anna@providence.film gets receipt:
    Иван, мы нашли причину
3 minutes later.
ivan@example.org gets reply:
    Иван, мы нашли причину и готовим исправление.
ivan@example.org gets reply without:
    кодек
    старую ошибку
Ticket 1 is has a note.
The ledger adds up.
