"""How Alembic runs a migration: on a connection that ``controller.store.migrate`` opened.

The caller holds an advisory lock, so two controllers that start at once do not migrate twice, and
has set lock and statement timeouts, so a migration that would block the fleet gives up instead.
"""

from __future__ import annotations

from alembic import context

from controller.store.tables import Base


def _run() -> None:
    context.configure(
        connection=context.config.attributes["connection"],
        target_metadata=Base.metadata,
        compare_server_default=True,
        transaction_per_migration=context.config.attributes["transaction_per_migration"],
    )
    with context.begin_transaction():
        context.run_migrations()


_run()
