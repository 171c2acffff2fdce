"""The parts of long tickets on PostgreSQL (`bot.store.parts`): a row each, which never changes, so memory keeps them."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping

import msgspec

from bot.model import Ticket
from bot.store.parts import Division, Past, Sealed, Stored, joined
from bot.store.postgres.database import Connection

CACHED = 2000
MISSING = """
select ticket, name, document from parts where (ticket, name) in (select * from unnest(%s::int[], %s::int[]))
"""

_heads, _parts = msgspec.json.Decoder(Stored), msgspec.json.Decoder(Sealed)


class Parts:
    """What is known of them; belongs to one event loop."""

    def __init__(self) -> None:
        self._known: OrderedDict[tuple[int, int], Sealed] = OrderedDict()

    async def whole(self, connection: Connection, documents: Iterable[bytes]) -> dict[int, tuple[Ticket, Past]]:
        """The tickets of these documents, by number, with what is stored of them; in their order."""
        heads = [_heads.decode(document) for document in documents]
        wanted = [(head.number, part.name) for head in heads for part in head.parts]
        found = {key: self._known[key] for key in wanted if key in self._known}
        if lacking := [key for key in wanted if key not in found]:
            cursor = await connection.execute(MISSING, [list(column) for column in zip(*lacking, strict=True)])
            found |= {(number, name): _parts.decode(document) for number, name, document in await cursor.fetchall()}
        self._remember(found)
        return {head.number: assembled(head, {name: part for (number, name), part in found.items() if number == head.number}) for head in heads}

    def keep(self, divisions: Iterable[Division]) -> None:
        """These are committed."""
        for one in divisions:
            self._remember({(one.ticket.number, name): part for name, part in one.past.sealed.items()})

    def _remember(self, found: Mapping[tuple[int, int], Sealed]) -> None:
        for key, part in found.items():
            self._known[key] = part
            self._known.move_to_end(key)
        while len(self._known) > CACHED:
            self._known.popitem(last=False)


def assembled(head: Stored, found: Mapping[int, Sealed]) -> tuple[Ticket, Past]:
    """The whole ticket; raises msgspec.DecodeError where a part is missing."""
    sealed = {}
    for part in head.parts:
        content = found.get(part.name)
        if content is None:
            raise msgspec.DecodeError(f"a part of ticket {head.number} is missing")
        sealed[part.name] = content
    return joined(head, sealed.values()), Past(head.parts, sealed, head.made)
