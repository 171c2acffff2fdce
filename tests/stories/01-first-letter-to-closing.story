A film does not open: from the first letter to the closing one (clauses 4.3, 4.7, 5.1)

It is 2026-11-23 12:00.
ivan@example.org writes "Не открывается фильм" with name Иван Петров:
    Здравствуйте! Не открывается фильм «Сталкер» в Chrome 130.
    Захожу в каталог, выбираю фильм, нажимаю Play, вижу чёрный экран.

ivan@example.org gets acknowledgement:
    [PF-1]
    Статус заявки: Создана
    23 ноября 2026 года в 12:00 (МСК)
    п. 4.3
# Nobody has proved that Ivan wrote this: nothing of his letter is repeated (nobody uses the desk to send spam).
ivan@example.org gets acknowledgement without:
    Сталкер
    Не открывается
    Иван
anna@providence.film gets notice_new:
    Иван Петров
    Сталкер
    #взять
boris@providence.film gets notice_new.
Ticket 1 is created, medium, owner nobody.

anna@providence.film answers notice_new:
    #уточнить
    Иван, подскажите, пожалуйста, какой у Вас тариф?
anna@providence.film gets receipt:
    какой у Вас тариф?
# The letter waits for the undo window.
ivan@example.org gets nothing.
Ticket 1 is clarification, waits for requester, owner anna.

3 minutes later.
ivan@example.org gets clarify:
    [PF-1]
    Иван, подскажите, пожалуйста, какой у Вас тариф?
    Сталкер

ivan@example.org answers clarify:
    Базовый.
anna@providence.film gets notice_update:
    Базовый.
boris@providence.film gets nothing.
Ticket 1 is in_progress, waits for nobody.

anna@providence.film answers notice_update:
    #решено
    Готово: на базовом тарифе фильм снова открывается.
anna@providence.film gets receipt:
    Готово: на базовом тарифе фильм снова открывается.
3 minutes later.
ivan@example.org gets resolved_solved:
    Статус заявки: Выполнено
    Готово: на базовом тарифе фильм снова открывается.
Ticket 1 is done, solved.

# Thanks alone reopen nothing; a fresh complaint does.
ivan@example.org answers resolved_solved:
    Спасибо!
Ticket 1 is done, solved.
anna@providence.film gets nothing.
ivan@example.org answers resolved_solved:
    Снова чёрный экран, фильм не открывается.
Ticket 1 is in_progress, owner anna.
anna@providence.film gets notice_update.
There is 1 ticket.
The ledger adds up.
