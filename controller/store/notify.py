"""NOTIFY and LISTEN: a wake-up without content for whoever follows the change log, or passes on
what hosts are asked.

Owns the listening connection, which is not of the pool: it never ends a transaction.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import threading
import time

import psycopg
from psycopg import sql
from sqlalchemy import text

from controller.store.engine import Database, Transaction

INTENT_CHANNEL = "ovsfleet_intent"
OBSERVATION_CHANNEL = "ovsfleet_observation"
_RETRY_SECONDS = 0.5


def notify_intent(tx: Transaction) -> None:
    """Wake the listeners up when, and only when, this transaction commits."""
    _notify(tx, INTENT_CHANNEL)


def notify_observation(tx: Transaction) -> None:
    """Likewise, of those who hold sessions: a host is asked something."""
    _notify(tx, OBSERVATION_CHANNEL)


def _notify(tx: Transaction, channel: str) -> None:
    tx.execute(text("SELECT pg_notify(:channel, '')"), {"channel": channel})


class Listener:
    """A connection that waits for one channel. One thread waits, others may end its wait."""

    def __init__(self, db: Database, channel: str) -> None:
        self._url = db.url
        self._channel = channel
        self._connection: psycopg.Connection | None = None
        self._closed = threading.Event()
        self._waiting = threading.Lock()
        self._wake_reader, self._wake_writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._pipe = threading.Lock()
        """Held to use the pipe from another thread than the one that waits, and to close it."""

    def wait(self, timeout: float) -> bool:
        """True: there was a notification, or one may have been missed while not connected."""
        deadline = time.monotonic() + timeout
        with self._waiting:
            if self._closed.is_set():
                return False
            try:
                if self._connection is None:
                    self._connection = self._connect()
                    return True
                return self._notified(self._connection, timeout)
            except psycopg.OperationalError:
                self._disconnect()
                self._closed.wait(min(_RETRY_SECONDS, max(0.0, deadline - time.monotonic())))
                return False

    def close(self) -> None:
        """Ends a wait at once, and the connection with it."""
        with self._pipe:
            if self._closed.is_set():
                return
            self._closed.set()
            self._wake()
        with self._waiting, self._pipe:
            self._disconnect()
            os.close(self._wake_reader)
            os.close(self._wake_writer)

    def interrupt(self) -> None:
        """Ends a wait at once, or the next one if nobody waits now; it answers False."""
        with self._pipe:
            if not self._closed.is_set():
                self._wake()

    def _wake(self) -> None:
        # A full pipe wakes as well as one more byte in it.
        with contextlib.suppress(BlockingIOError):
            os.write(self._wake_writer, b"x")

    def _connect(self) -> psycopg.Connection:
        connection = psycopg.connect(self._url, autocommit=True, connect_timeout=5)
        try:
            connection.execute(sql.SQL("LISTEN {}").format(sql.Identifier(self._channel)))
        except psycopg.Error:
            connection.close()
            raise
        return connection

    def _notified(self, connection: psycopg.Connection, timeout: float) -> bool:
        if any(True for _ in connection.notifies(timeout=0)):
            return True
        with selectors.DefaultSelector() as selector:
            selector.register(connection, selectors.EVENT_READ)
            selector.register(self._wake_reader, selectors.EVENT_READ)
            selector.select(timeout)
        with contextlib.suppress(BlockingIOError):
            os.read(self._wake_reader, 4096)
        return any(True for _ in connection.notifies(timeout=0))

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
