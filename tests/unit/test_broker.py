"""The broker of files, through Kombu's own connection as Celery uses it."""

from __future__ import annotations

import shutil
import stat
import threading
from collections.abc import Iterator
from pathlib import Path
from queue import Empty

import pytest
from kombu import Connection
from kombu.simple import SimpleQueue

from controller.jobs import broker


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "broker"


@pytest.fixture
def connection(folder: Path) -> Iterator[Connection]:
    with connect(folder) as connection:
        yield connection


def connect(folder: Path) -> Connection:
    options = {"folder": str(folder), "polling_interval": 0.01}
    return Connection("files://localhost", transport=broker.ALIAS, transport_options=options)


def receive(queue: SimpleQueue) -> object:
    message = queue.get(timeout=60)
    message.ack()
    return message.payload


def test_messages_arrive_once_and_in_order(connection: Connection) -> None:
    queue = connection.SimpleQueue("q")
    for n in range(20):
        queue.put(n)
    assert [receive(queue) for _ in range(20)] == list(range(20))
    with pytest.raises(Empty):
        queue.get(block=False)


def test_two_consumers_share_the_messages_between_them(folder: Path) -> None:
    with connect(folder) as connection:
        queue = connection.SimpleQueue("q")
        for n in range(200):
            queue.put(n)
    received: list[object] = []

    def consume() -> None:
        with connect(folder) as connection:
            queue = connection.SimpleQueue("q")
            while True:
                try:
                    message = queue.get(block=False)
                except Empty:
                    return
                received.append(message.payload)
                message.ack()

    consumers = [threading.Thread(target=consume) for _ in range(2)]
    for consumer in consumers:
        consumer.start()
    for consumer in consumers:
        consumer.join()
    assert sorted(map(str, received)) == sorted(map(str, range(200)))


def test_a_message_that_is_still_being_written_is_not_seen(
    connection: Connection, folder: Path
) -> None:
    queue = connection.SimpleQueue("q")
    (folder / "q").mkdir(parents=True, exist_ok=True)
    (folder / "q" / "1.unfinished").write_text("{")
    queue.put("whole")
    assert receive(queue) == "whole"
    broker.drop_unfinished(folder)
    assert list((folder / "q").iterdir()) == []


def test_messages_pass_again_after_the_folder_was_wiped(
    connection: Connection, folder: Path
) -> None:
    queue = connection.SimpleQueue("q")
    queue.put("lost")
    shutil.rmtree(folder)
    with pytest.raises(Empty):
        queue.get(block=False)
    queue.put("kept")
    assert receive(queue) == "kept"


def test_only_the_owner_may_look_into_the_folders(connection: Connection, folder: Path) -> None:
    connection.SimpleQueue("q").put("secret")
    assert {stat.S_IMODE(path.stat().st_mode) for path in (folder, folder / "q")} == {0o700}
