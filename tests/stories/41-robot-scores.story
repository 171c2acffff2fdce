A vacation responder that answers with a number gives no score, and changes nothing

It is 2026-11-23 12:00.
ivan@example.org writes "Постер":
    У фильма «Сталкер» пропал постер, серый квадрат вместо картинки. Chrome 131.
ivan@example.org gets acknowledgement.
anna@providence.film gets notice_new.
boris@providence.film gets notice_new.
anna@providence.film answers notice_new:
    #решено
    Постер на месте.
anna@providence.film gets receipt.
3 minutes later.
ivan@example.org gets resolved_solved.
ivan@example.org clicks 1 in resolved_solved with Auto-Submitted: auto-replied:
    1
ivan@example.org gets nothing.
anna@providence.film gets nothing.
Ticket 1 is done, solved, score 0.
The ledger adds up.
