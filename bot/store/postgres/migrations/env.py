"""What alembic runs for `run.py migrate`; the connection comes from bot.store.postgres.schema."""

from alembic import context

context.configure(connection=context.config.attributes["connection"])
with context.begin_transaction():
    context.run_migrations()
