"""The schema: from nothing, back to nothing, and equal to what the code says."""

from __future__ import annotations

import threading

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import NullPool, create_engine, text

from controller.domain.errors import ConflictError, UnavailableError
from controller.services import queries
from controller.store import migrate
from controller.store.constraints import MESSAGES
from controller.store.engine import Database
from controller.store.tables import Base

pytestmark = pytest.mark.integration


def tables(url: str) -> set[str]:
    with psycopg.connect(url) as connection:
        rows = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        return {name for (name,) in rows} - {"alembic_version"}


def test_an_empty_database_is_brought_to_the_newest_schema(empty_database_url: str) -> None:
    assert migrate.current(empty_database_url) is None
    assert not migrate.is_current(empty_database_url)
    migrate.upgrade(empty_database_url)
    assert migrate.is_current(empty_database_url)
    assert tables(empty_database_url) == set(Base.metadata.tables)


def test_the_migrated_schema_is_what_the_tables_say(database_url: str) -> None:
    url = database_url.replace("postgresql://", "postgresql+psycopg://")
    engine = create_engine(url, poolclass=NullPool)
    with engine.connect() as connection:
        options = {"compare_server_default": True, "compare_type": True}
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, Base.metadata) == []


def test_check_constraints_are_what_the_tables_say(database_url: str) -> None:
    """Alembic does not compare them."""
    declared = {
        constraint.name
        for table in Base.metadata.tables.values()
        for constraint in table.constraints
        if type(constraint).__name__ == "CheckConstraint"
    }
    with psycopg.connect(database_url) as connection:
        rows = connection.execute(
            "SELECT conname FROM pg_constraint"
            " WHERE contype = 'c' AND connamespace = 'public'::regnamespace"
        )
        assert {name for (name,) in rows} == declared


def test_every_constraint_that_has_a_message_exists(database_url: str) -> None:
    with psycopg.connect(database_url) as connection:
        rows = connection.execute(
            "SELECT conname FROM pg_constraint UNION SELECT indexname FROM pg_indexes"
        )
        assert {name for (name,) in rows} >= MESSAGES.keys()


def test_a_broken_constraint_is_a_conflict_that_a_caller_can_mend(db: Database) -> None:
    insert = text(
        "INSERT INTO segment (uid, valid_from, project, name, labels, created_at, updated_at,"
        " vni, dst_port, address_family, backend) VALUES"
        " (gen_random_uuid(), 1, 'default', :name, '{}', now(), now(), :vni, 4789, 'ipv4', 'ovs')"
    )
    with db.transaction() as tx:
        tx.execute(insert, {"name": "red", "vni": 7})
    with pytest.raises(ConflictError, match="this VNI"), db.transaction() as tx:
        tx.execute(insert, {"name": "blue", "vni": 7})
    with pytest.raises(ConflictError, match="this name"), db.transaction() as tx:
        tx.execute(insert, {"name": "red", "vni": 8})


def test_down_and_up_again_leaves_a_working_database(database_url: str) -> None:
    migrate.downgrade(database_url, "base")
    assert tables(database_url) == set()
    assert migrate.current(database_url) is None
    migrate.upgrade(database_url)
    db = Database(database_url)
    fleet = queries.fleet(db)
    db.close()
    assert (fleet.epoch, fleet.revision) == (1, 0)


def test_every_database_is_a_fleet_of_its_own(database_url: str, empty_database_url: str) -> None:
    migrate.upgrade(empty_database_url)
    uids = set()
    for url in (database_url, empty_database_url):
        db = Database(url)
        uids.add(queries.fleet(db).uid)
        db.close()
    # Both may be copies of one template only if a template was migrated, and this one was not.
    assert len(uids) == 2


def test_two_that_migrate_at_once_wait_for_each_other(empty_database_url: str) -> None:
    failures: list[Exception] = []

    def run() -> None:
        try:
            migrate.upgrade(empty_database_url)
        except Exception as error:  # noqa: BLE001 (it is what the test looks at)
            failures.append(error)

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert failures == []
    assert migrate.is_current(empty_database_url)


def test_a_database_that_was_not_migrated_says_so(empty_database_url: str) -> None:
    db = Database(empty_database_url)
    with pytest.raises(UnavailableError, match="not migrated"):
        queries.fleet(db)
    db.close()


def test_a_database_that_is_away_is_unavailable(database_url: str) -> None:
    away = database_url.replace("/test_", "/missing_")
    with pytest.raises(UnavailableError):
        migrate.is_current(away)
    db = Database(away)
    with pytest.raises(UnavailableError):
        queries.fleet(db)
    db.close()
