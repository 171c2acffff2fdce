"""Long tickets in parts: the past of each stands in rows that are written once (bot.store.parts)."""

from alembic import op

revision, down_revision, branch_labels, depends_on = "0002", "0001", None, None

TABLES = """
create table parts (
    ticket integer,
    name integer,
    document json not null,         -- bot.store.parts.Sealed
    search tsvector not null,
    primary key (ticket, name)
);
create index parts_search on parts using gin (search);
"""


def upgrade() -> None:
    """Makes the table."""
    op.execute(TABLES)
