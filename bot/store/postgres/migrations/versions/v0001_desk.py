"""The desk: whole documents, and beside them only what the database is asked for."""

from alembic import op

revision, down_revision, branch_labels, depends_on = "0001", None, None, None

TABLES = """
-- One row a ticket. `document` is the ticket as msgspec writes it, `line` what lists show of it (bot.store.interface.TicketSummary).
create table tickets (
    number integer primary key,
    document json not null,
    line json not null,
    requester text not null,
    status text not null,
    done_at timestamptz,
    merged_into integer not null,
    announced text not null,
    timer timestamptz,
    alarm timestamptz,              -- when a timer looks: `timer`, until it has been named or put off
    filed boolean not null,
    erased boolean not null,        -- only its figures are left
    search tsvector not null
);
create index tickets_requester on tickets (requester, number) where not filed;
create index tickets_live on tickets (number) where not filed;
create index tickets_alarm on tickets (alarm) where not filed and alarm is not null;
create index tickets_announced on tickets (announced) where not filed and announced <> '';
create index tickets_done on tickets (done_at) where not filed and status = 'done';
create index tickets_old on tickets (done_at) where filed and not erased;
create index tickets_search on tickets using gin (search);

-- What belongs to no ticket.
create table records (
    id bigint generated always as identity primary key,
    deed bigint unique,             -- a hash of letter, deed and person: it comes once, however often the letter is repeated
    origin text unique,             -- its place in the desk that it was copied from
    at timestamptz not null,
    about text not null,
    who text not null,
    document json not null
);
create index records_who on records (who, about, at);
create index records_about on records (about, at) where about in ('away', 'outage', 'digest', 'report');

-- What a letter may ask for, as hashes: Message-IDs, letters seen, copies, addresses written to, links. Live tickets and records only.
create table keys (
    key bigint,
    ticket integer,                 -- 0 for a record's
    record bigint,                  -- 0 for a ticket's
    at timestamptz not null,
    primary key (key, ticket, record)
);
create index keys_ticket on keys (ticket) where ticket > 0;
create index keys_record on keys (record) where record > 0;

-- Outgoing letters that wait or are held; the letters themselves stand in the documents.
create table outbox (
    ticket integer,
    record bigint,
    id bigint,
    state text not null,
    due timestamptz not null,
    created timestamptz not null,
    claimed_by text,
    primary key (ticket, record, id)
);
create index outbox_due on outbox (due) where state = 'waiting' and claimed_by is null;
create index outbox_claimed on outbox (claimed_by) where claimed_by is not null;

create table letters (
    id text primary key,
    envelope json not null,
    raw bytea not null,
    place text not null default 'waiting',  -- parked, dropped, archived
    note json,                              -- bot.store.files.inbox.Parked
    claimed_by text
);
alter table letters alter raw set storage external;  -- mail does not compress well enough to pay for it
create index letters_place on letters (place, id) where place <> 'archived';
create index letters_waiting on letters (id) where place = 'waiting' and claimed_by is null;
create index letters_claimed on letters (claimed_by) where claimed_by is not null;

-- Hashes of the keys that the desk signs its addresses with: all its daemons have one of them.
create table signers (mark text primary key);

-- What has left through the shared windows.
create table departures (key text not null, at timestamptz not null);
create index departures_key on departures (key, at);

-- A claim holds while its daemon lives: it has given a sign of life within 15 seconds, by the database's clock. While the database
-- was away nobody could give one; after its return everybody has the 15 seconds again. The claims of the dead are taken back
-- (bot.store.postgres.database).
create table daemons (id text primary key, sign timestamptz not null) with (fillfactor = 20);
create view living as
    select id from daemons where greatest(sign, pg_postmaster_start_time()) > clock_timestamp() - interval '15 s';
"""


def upgrade() -> None:
    """Makes the tables."""
    op.execute(TABLES)
