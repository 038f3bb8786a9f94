"""Rows of the large fleet that the database makes by itself, a hundred thousand in one statement.

They are what the services would have written: each port has its entry in the change log, and all of
them are one revision with one line in the audit.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from datetime import datetime, timedelta

import psycopg

from controller.domain.statistics import COUNTERS, Resolution
from controller.services.statistics_upkeep import ensure_partitions
from controller.store.engine import Database
from controller.store.statistics.partitions import partition_of
from controller.store.tables import HostStatusRow, PortRow

_COUNTED = {"rx_bytes": 1.0, "tx_bytes": 0.7, "rx_packets": 1 / 900, "tx_packets": 1 / 1100}
"""Shares of what a subject carries; nothing goes wrong on its way."""
_WAVES = {611: 0.4, 149: 0.25, 37: 0.2}
"""Seconds from crest to crest, and how much of the mean each swells by: less than all of it."""
_DEVICES = ("device:eth0", "device:eth1")


def add_projects(url: str, names: Iterable[str]) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        for name in names:
            insert = "INSERT INTO project (name) VALUES (%s) ON CONFLICT DO NOTHING"
            connection.execute(insert, [name])


# The first ports of a host are copied in turn until it has enough.
_PORTS = """
WITH seed AS (
    SELECT port.*,
        row_number() OVER (PARTITION BY host_uid ORDER BY name) - 1 AS place,
        count(*) OVER (PARTITION BY host_uid) AS own,
        dense_rank() OVER (ORDER BY host_uid) AS host_number
    FROM port WHERE valid_to IS NULL AND side = 0
), copy AS (
    SELECT seed.*, n, host_number * 1000 + n AS number
    FROM seed CROSS JOIN generate_series(0, %(each)s - 1) AS n
    WHERE n >= own AND n %% own = place
)
INSERT INTO port ({columns}) SELECT {values} FROM copy
"""
_OWN = {
    "uid": "gen_random_uuid()",
    "valid_from": "%(revision)s",
    "name": "name || '-' || lpad(n::text, 3, '0')",
    "interface": "interface || '-' || n",
    "mac": "'02:5e:' || regexp_replace(lpad(to_hex(number), 8, '0'), '(..)(..)(..)(..)',"
    " '\\1:\\2:\\3:\\4')",
    "addresses": "ARRAY[host('10.0.0.0'::inet + number) || '/8']",
    "labels": "jsonb_build_object('app', (ARRAY['shop', 'mail', 'wiki'])[1 + n %% 3])",
}
_LOG = """
INSERT INTO change_log (revision, seq, kind, uid, project, name, action, host_uid)
SELECT valid_from, row_number() OVER (ORDER BY name), 'Port', uid, project, name, 'created',
    host_uid
FROM port WHERE valid_from = %(revision)s
"""
_AUDIT = """
INSERT INTO audit (principal, request_id, action, outcome, revision, detail)
SELECT 'terraform', 'large-fleet', 'intent.commit', 'done', %(revision)s,
    jsonb_build_object('created', count(*)) FROM port WHERE valid_from = %(revision)s
"""


_INDEXES = """
SELECT indexname, indexdef FROM pg_indexes WHERE tablename = 'port' AND indexname NOT LIKE 'pk_%'
"""


def multiply_ports(url: str, each: int) -> None:
    """Give every host so many ports, at one more revision."""
    columns = [column.name for column in PortRow.__table__.columns]
    values = [_OWN.get(name, name) for name in columns]
    ports = _PORTS.format(columns=", ".join(columns), values=", ".join(values))
    with psycopg.connect(url) as connection:
        advanced = "UPDATE fleet SET revision = revision + 1 RETURNING revision"
        (revision,) = connection.execute(advanced).fetchone() or (0,)
        indexes = connection.execute(_INDEXES).fetchall()
        # Made anew at the end they cost a third of what every row would.
        without = [f'DROP INDEX "{name}"' for name, _ in indexes]
        anew = [definition for _, definition in indexes]
        for statement in (*without, ports, *anew, _LOG, _AUDIT):
            asked = {"each": each, "revision": revision} if "%(" in statement else None
            connection.execute(statement.encode(), asked)
        # Without it the next changes would read the tables whole.
        connection.execute("ANALYZE")


_STATUSES = """
INSERT INTO host_status ({columns}) SELECT {values}
FROM host WHERE valid_to IS NULL AND uid <> ALL(%(but)s)
"""


def report_applied(url: str, revision: int, at: datetime, but: Iterable[object]) -> None:
    """Let all hosts but these say that they have applied a revision."""
    said = {
        "host_uid": "uid",
        "session_epoch": "1",
        "instance_nonce": "'large'",
        "agent_version": "'1.0.0'",
        "capabilities": "'{}'",
        "connected": "true",
        "silent": "false",
        "last_seen": "%(at)s",
        "last_transition": "%(at)s",
        **dict.fromkeys(
            ("accepted_revision", "observed_revision", "applied_revision"), "%(revision)s"
        ),
        "applied_hash": "decode(md5(name), 'hex')",
        "outcome": "'applied'",
        "failures": "0",
        "changed_xid": "CAST(CAST(pg_current_xact_id() AS text) AS bigint)",
    }
    columns = [c.name for c in HostStatusRow.__table__.columns if c.name in said or not c.nullable]
    statement = _STATUSES.format(
        columns=", ".join(columns), values=", ".join(said[name] for name in columns)
    )
    with psycopg.connect(url) as connection:
        connection.execute(statement.encode(), {"revision": revision, "at": at, "but": list(but)})


_SUBJECTS = """
INSERT INTO stat_subject (host_uid, subject)
SELECT host_uid, 'port:' || uid FROM port
WHERE valid_to IS NULL AND host_uid = ANY(%(hosts)s)
UNION ALL
SELECT a.host_uid, 'tunnel:' || a.segment_uid || '/' || b.host_uid
FROM host_segment AS a JOIN host_segment AS b USING (segment_uid)
JOIN segment ON segment.uid = segment_uid AND segment.valid_to IS NULL AND backend = 'ovs'
WHERE a.host_uid <> b.host_uid AND a.host_uid = ANY(%(hosts)s)
UNION ALL
SELECT uid, device FROM host CROSS JOIN unnest(CAST(%(devices)s AS text[])) AS device
WHERE valid_to IS NULL AND uid = ANY(%(hosts)s)
ON CONFLICT DO NOTHING
"""
# Rates by the name alone, so that a sample can be taken at any time; means of 2 kbit/s to 130
# Mbit/s.
_SAMPLES = """
INSERT INTO stat_raw (subject_id, sampled_at, epoch, {counters})
SELECT id, at, 1, {counts}
FROM stat_subject CROSS JOIN unnest(CAST(%(times)s AS timestamptz[])) AS at
WHERE host_uid = ANY(%(hosts)s)
ON CONFLICT DO NOTHING
"""
_MEAN = "power(2, 8 + CAST(hashtext(subject) & 1023 AS float8) / 64)"
_SECOND = "CAST(extract(epoch FROM at) AS float8)"
_SWELL = "{high} * sin(({second} + (hashtext(subject) & 511)) / {length})"


def _counts(share: float) -> str:
    """In SQL: the sum of all that was carried until ``at``."""
    if share == 0:
        return "0"
    swells = (
        _SWELL.format(high=depth * length / math.tau, second=_SECOND, length=length / math.tau)
        for length, depth in _WAVES.items()
    )
    return f"CAST({share} * {_MEAN} * ({_SECOND} + {' + '.join(swells)}) AS bigint)"


def count(db: Database, hosts: Iterable[object], times: Iterable[datetime]) -> None:
    """Take samples of everything on these hosts, at each of the times."""
    moments = list(times)
    ensure_partitions(db, {partition_of(Resolution.RAW, at) for at in moments})
    counts = [_counts(_COUNTED.get(name, 0)) for name in COUNTERS]
    samples = _SAMPLES.format(counters=", ".join(COUNTERS), counts=", ".join(counts))
    given = {"hosts": list(hosts), "devices": list(_DEVICES), "times": moments}
    with psycopg.connect(db.url) as connection:
        connection.execute(_SUBJECTS.encode(), given)
        connection.execute(samples.encode(), given)


def analyze(url: str) -> None:
    """The tables are known only now; PostgreSQL would look at them in a minute by itself."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("ANALYZE")


_AGES = """
UPDATE {table} SET at = %(now)s - ((SELECT revision FROM fleet) - revision) * %(pause)s
WHERE revision IS NOT NULL AND {what}
"""
_MADE = {"audit": "outcome = 'done'", "event": "type LIKE 'object.%%'"}


def age_changes(url: str, now: datetime, pause: timedelta) -> None:
    """As if so much time had passed between one change and the next."""
    with psycopg.connect(url) as connection:
        for table, what in _MADE.items():
            aged = _AGES.format(table=table, what=what)
            connection.execute(aged.encode(), {"now": now, "pause": pause})


_FOLLOWED = """
UPDATE host_status SET accepted_revision = revision, observed_revision = revision,
    applied_revision = revision
FROM fleet WHERE outcome = 'applied' AND applied_revision = revision - 1
"""


def follow(url: str) -> None:
    """Let the hosts that were as far as the fleet have its newest revision too."""
    with psycopg.connect(url) as connection:
        connection.execute(_FOLLOWED)
