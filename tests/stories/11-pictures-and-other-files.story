Pictures go along, other files are withheld and named (clause 4.5)

# aligned: ivan@example.org
It is 2026-11-23 12:00.
ivan@example.org writes "Ошибка при оплате" with file screen.png with file report.exe:
    Здравствуйте! При оплате картой вижу ошибку E-204, снимок экрана приложил. Chrome 131.
ivan@example.org gets acknowledgement:
    report.exe
    JPG, GIF и PNG
anna@providence.film gets notice_new:
    screen.png
    report.exe
boris@providence.film gets notice_new.
The ledger adds up.
