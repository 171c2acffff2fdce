Who writes in English is answered in English; the Russian desk's staff reads Russian notices

It is 2026-11-23 12:00.
jane@example.com writes "Black screen":
    Hello, when I press Play on any film in Chrome 131 on Windows 11, I only see a black screen. Sound is fine.
jane@example.com gets acknowledgement:
    23 November 2026
    MSK
anna@providence.film gets notice_new:
    Статус заявки: Создана
boris@providence.film gets notice_new.
anna@providence.film answers notice_new:
    #clarify
    Jane, which version of the graphics driver do you have?
anna@providence.film gets receipt.
3 minutes later.
jane@example.com gets clarify:
    Jane, which version of the graphics driver do you have?
jane@example.com gets clarify without:
    Здравствуйте
The ledger adds up.
