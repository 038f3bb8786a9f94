"""The data folder of the embedded PostgreSQL: made once, checked at every start.

``<data_dir>/postgres`` (0700) holds ``data``, ``run`` (the socket) and the two access files. It is
built under another name and renamed when complete, so a half-made one never counts.

Started as root, everything below belongs to a uid of its own that has no account: PostgreSQL
refuses to run as root, must share its uid with nothing else, and asking for an account would be a
change to the machine. Only ``initdb`` insists on a user *name*; it alone runs as ``nobody``, in a
folder nobody else can enter, before there is any data, and the result is handed over.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
from pathlib import Path
from urllib.parse import quote

from controller.embedded.binaries import find_binaries, first_closed_folder, readable_binaries
from controller.embedded.errors import EmbeddedPostgresError
from controller.embedded.launch import Launch, die_with_parent

# Neither Debian, nor systemd's dynamic users (61184-65519), nor its home and container ranges
# hand out this number.
PRIVATE_ID = 60900
ROLE = "ovsfleet"
_SUPERUSER = "postgres"
_PORT = 5432
_LONGEST_SOCKET_PATH = 107
_SERVER_OPTIONS = (
    "listen_addresses=",
    "unix_socket_permissions=0700",
    "cluster_name=ovsfleet",
    # API, southbound, worker and beat on one small machine; each process has a pool of ten.
    "max_connections=64",
    "shared_buffers=64MB",
    "timezone=UTC",
    "log_timezone=UTC",
    "log_checkpoints=off",
    "log_line_prefix=",
)


def socket_url(data_dir: Path) -> str:
    """Say where the embedded database of ``data_dir`` is reached, running or not."""
    return f"postgresql://{ROLE}@/{ROLE}?host={quote(str(data_dir / 'postgres' / 'run'), safe='/')}"


# With -j, a single-user backend ends a statement at a semicolon and an empty line.
_STATEMENTS = f"CREATE ROLE {ROLE} LOGIN;\n\nCREATE DATABASE {ROLE} OWNER {ROLE};\n\n"


def make_data_dir(data_dir: Path) -> None:
    """Make the controller's data folder; others may pass through it, whatever the umask says."""
    if not data_dir.exists():
        data_dir.mkdir(parents=True)
        data_dir.chmod(0o711)


class Cluster:
    """One PostgreSQL cluster below ``data_dir``; call ``prepare`` before anything else."""

    def __init__(self, data_dir: Path, bin_dir: Path | None = None) -> None:
        self.folder = data_dir / "postgres"
        self.data = self.folder / "data"
        self.sockets = self.folder / "run"
        self._parent = data_dir
        self._binaries = find_binaries(bin_dir)

    @property
    def url(self) -> str:
        return socket_url(self._parent)

    @property
    def owner(self) -> tuple[int, int]:
        facts = self.folder.stat()
        return facts.st_uid, facts.st_gid

    def prepare(self) -> None:
        """Make the folder at the first start; at every start check that it can be served."""
        self._check_socket_path()
        make_data_dir(self._parent)
        if os.geteuid() == 0:
            self._check_reachable()
            self._binaries = readable_binaries(self._binaries, PRIVATE_ID, self._parent)
        if not self.folder.exists():
            self._initialise()
        self._check_owner()
        self._check_version()
        self._write_access_files()

    def launch(self) -> Launch:
        """Return what starts the postmaster."""
        options = (
            *_SERVER_OPTIONS,
            f"unix_socket_directories={self.sockets}",
            f"hba_file={self.folder / 'pg_hba.conf'}",
            f"ident_file={self.folder / 'pg_ident.conf'}",
        )
        return Launch(
            argv=(
                self._binaries.program("postgres"),
                "-D",
                str(self.data),
                *(word for option in options for word in ("-c", option)),
            ),
            env=_environment(),
            cwd=self.data,
            owner=self.owner if os.geteuid() == 0 else None,
            # Immediate shutdown: when the supervisor is gone, the next one should not wait.
            death_signal=signal.SIGQUIT,
        )

    def is_ready(self, pid: int) -> bool:
        """Say whether the postmaster ``pid`` accepts connections, by its own status line."""
        try:
            # It names the data folder, and that may be of any bytes.
            status = (self.data / "postmaster.pid").read_text("utf-8", "surrogateescape")
        except FileNotFoundError:
            return False
        lines = status.split("\n")
        return len(lines) >= 8 and lines[0] == str(pid) and lines[7].strip() == "ready"

    def _initialise(self) -> None:
        unfinished = self._parent / ".postgres.unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(mode=0o700)
        account = _account_with_a_name()
        _give(unfinished, account)
        data = unfinished / "data"
        initdb = (self._binaries.program("initdb"), "-D", str(data), "-U", _SUPERUSER)
        _run((*initdb, "--auth=reject", "--encoding=UTF8", "--locale=C", "--data-checksums",
              "--no-instructions"), account)  # fmt: skip
        single = (self._binaries.program("postgres"), "--single", "-j", "-D", str(data))
        _run((*single, "postgres"), account, _STATEMENTS)
        (unfinished / "run").mkdir(mode=0o700)
        if os.geteuid() == 0:
            _give_all(unfinished, (PRIVATE_ID, PRIVATE_ID))
        unfinished.rename(self.folder)
        _sync_folder(self._parent)

    def _check_socket_path(self) -> None:
        longest = self.sockets / f".s.PGSQL.{_PORT}"
        if len(os.fsencode(longest)) > _LONGEST_SOCKET_PATH:
            raise EmbeddedPostgresError(
                f"OVSFLEET_DATA_DIR: {self._parent} is too long for a Unix socket below it "
                f"({_LONGEST_SOCKET_PATH} bytes in all); choose a shorter path"
            )

    def _check_reachable(self) -> None:
        closed = first_closed_folder(self._parent, PRIVATE_ID)
        if closed is not None:
            raise EmbeddedPostgresError(
                f"OVSFLEET_DATA_DIR: PostgreSQL runs as uid {PRIVATE_ID} and may not pass through "
                f"{closed}; choose a data folder elsewhere (/var/lib/ovsfleet) or allow passing "
                f"with: chmod o+x {closed}"
            )

    def _check_owner(self) -> None:
        uid = self.folder.stat().st_uid
        if os.geteuid() not in (0, uid) or uid == 0:
            fitting = PRIVATE_ID if os.geteuid() == 0 else os.geteuid()
            raise EmbeddedPostgresError(
                f"{self.folder} belongs to uid {uid}, which cannot serve it here; as root run: "
                f"chown -R {fitting}:{fitting} {self.folder}"
            )

    def _check_version(self) -> None:
        made_by = (self.data / "PG_VERSION").read_text("ascii").strip()
        if made_by != self._binaries.major:
            raise EmbeddedPostgresError(
                f"{self.data} was made by PostgreSQL {made_by}, but {self._binaries.folder} is "
                f"PostgreSQL {self._binaries.version}. Either set OVSFLEET_POSTGRES_BIN_DIR to the "
                f"programs of PostgreSQL {made_by} (Debian: /usr/lib/postgresql/{made_by}/bin), or "
                "move the data with pg_upgrade or pg_dump; nothing was changed"
            )

    def _write_access_files(self) -> None:
        user = _user_name()
        contents = {
            "pg_hba.conf": "local all all peer map=ovsfleet\n",
            "pg_ident.conf": f'ovsfleet "{user}" {ROLE}\novsfleet "{user}" {_SUPERUSER}\n',
        }
        for name, text in contents.items():
            fresh = self.folder / f".{name}.fresh"
            fresh.write_text(text, "utf-8")
            fresh.chmod(0o600)
            _give(fresh, self.owner)
            fresh.rename(self.folder / name)


def _account_with_a_name() -> tuple[int, int]:
    if os.geteuid() != 0:
        return os.geteuid(), os.getegid()
    named = {entry.pw_name: entry for entry in pwd.getpwall() if entry.pw_uid != 0}
    if not named:
        raise EmbeddedPostgresError(
            "initdb needs one account besides root for a moment and /etc/passwd has none: add "
            "nobody, or set OVSFLEET_DATABASE_URL"
        )
    entry = named.get("nobody") or next(iter(named.values()))
    return entry.pw_uid, entry.pw_gid


def _user_name() -> str:
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError as error:
        raise EmbeddedPostgresError(
            f"uid {os.geteuid()} has no name in /etc/passwd, which PostgreSQL needs to know who "
            "connects: add one, start as root, or set OVSFLEET_DATABASE_URL"
        ) from error


def _environment() -> dict[str, str]:
    # A clean one: PGDATA, PGPORT and the like of the caller's shell must not leak in.
    return {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}


def _run(argv: tuple[str, ...], owner: tuple[int, int], script: str = "") -> None:
    as_root: dict[str, object] = {}
    if os.geteuid() == 0:
        as_root = {"user": owner[0], "group": owner[1], "extra_groups": []}
    done = subprocess.run(  # type: ignore[call-overload]
        argv,
        input=script,
        env=_environment(),
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=die_with_parent(signal.SIGKILL),
        **as_root,
    )
    # A single-user backend answers failed statements with 0; its complaint is on standard error.
    if done.returncode != 0 or "ERROR:" in done.stderr:
        raise EmbeddedPostgresError(
            f"{Path(argv[0]).name} could not make the database: "
            f"{done.stderr.strip() or done.stdout.strip()}"
        )


def _give(path: Path, owner: tuple[int, int]) -> None:
    if os.geteuid() == 0:
        os.chown(path, *owner, follow_symlinks=False)


def _give_all(top: Path, owner: tuple[int, int]) -> None:
    _give(top, owner)
    for folder, folders, files in os.walk(top):
        for name in (*folders, *files):
            _give(Path(folder, name), owner)


def _sync_folder(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
