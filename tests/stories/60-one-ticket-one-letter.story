Whoever answers what they see reaches the one they mean: tickets in letters of their own, colleagues, participants (section 8)

It is 2026-11-23 12:00.
ivan@example.org writes "Нет кода" with name Иван:
    Добрый день! Не приходит код подтверждения на почту, жду уже час. Пробовал дважды в Firefox 140.
petr@example.net writes "Плеер" with name Пётр:
    Здравствуйте! Картинка в плеере не загружается, хотя обновил Chrome 131 на Windows 11.
anna@providence.film has got 2 letters.
boris@providence.film has got 2 letters.
ivan@example.org has got 1 letter.
petr@example.net has got 1 letter.

# Anna answers Ivan and takes the next: it comes by itself, and her answer to that goes to Pyotr.
anna@providence.film clicks Взять in notice_new:
    #взять
anna@providence.film gets receipt:
    [PF-2]
anna@providence.film answers receipt:
    #ответ
    Пётр, включите, пожалуйста, аппаратное ускорение.
    #следующее
anna@providence.film gets receipt:
    Письмо для petr@example.net
    PF-1: обращение взято из очереди, оно Ваше — отдельным письмом
anna@providence.film gets case:
    [PF-1]
    Иван
    Не приходит код
anna@providence.film answers case:
    #копия olga@example.com
    #ответ
    Код уже ушёл, проверьте папку «Спам».
anna@providence.film gets receipt:
    [PF-1]
    Письмо для ivan@example.org
    Письмо для olga@example.com
    Вы участвуете в обращении PF-1
3 minutes later.
petr@example.net gets reply:
    аппаратное ускорение
petr@example.net has got 2 letters.
ivan@example.org gets reply:
    папку «Спам»
olga@example.com gets reply:
    получаете копию

# Olga writes: the notice says who she is. A department's words are nobody else's.
olga@example.com answers reply:
    Я коллега Ивана, код не пришёл и мне.
anna@providence.film gets notice_update:
    olga@example.com (участник):
    Я коллега Ивана
anna@providence.film answers notice_update:
    #передать разработка
    Можно ли прислать код ещё раз?
anna@providence.film gets receipt.
3 minutes later.
dev@providence.film gets escalation:
    olga@example.com (участник):
    Анна (поддержка):
ivan@example.org gets escalated.
olga@example.com gets escalated.
dev@providence.film answers escalation:
    Внутри: чинить до пятницы, скидку не давать.
anna@providence.film gets notice_update:
    Отдел разработки (отдел, внутреннее):
    скидку не давать

# What Anna wrote is not taken back by a colleague's slip, but named.
anna@providence.film answers notice_update:
    #ответ
    Починим и напишем.
anna@providence.film gets receipt.
boris@providence.film answers notice_new:
    #отмена
boris@providence.film gets command_error:
    [PF-2]
    Последнее письмо с командами не Ваше: Анна
3 minutes later.
ivan@example.org gets reply:
    Здравствуйте, Иван!
    Починим и напишем.
olga@example.com gets reply without:
    скидку
    Здравствуйте, Иван!
olga@example.com has got 3 letters.
The ledger adds up.
