"""The ``ovsfleet`` command as a person runs it: a process against a controller's REST API."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from unittest.mock import patch

from structlog.testing import capture_logs

from controller.client.cli import main

OVSFLEET = Path(sys.executable).with_name("ovsfleet")
DEADLINE_S = 60


@dataclass
class Cli:
    url: str
    token: str
    home: Path
    environment: dict[str, str] = field(default_factory=dict)
    """On top of the tests' own."""
    running: list[subprocess.Popen[str]] = field(default_factory=list)

    @property
    def _environment(self) -> dict[str, str]:
        return {
            **os.environ,
            "OVSFLEET_URL": self.url,
            "OVSFLEET_TOKEN": self.token,
            "XDG_CONFIG_HOME": str(self.home),
            **self.environment,
        }

    def run(self, *words: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [OVSFLEET, *words],
            input=stdin,
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=DEADLINE_S,
            check=False,
        )

    def out(self, *words: str, stdin: str = "") -> str:
        done = self.run(*words, stdin=stdin)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def uid(self, kind: str, name: str) -> str:
        document = json.loads(self.out("get", kind, name, "-o", "json"))
        return str(document["metadata"]["uid"])

    def start(self, *words: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [OVSFLEET, *words],
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.running.append(process)
        return process

    def end(self) -> None:
        for process in self.running:
            process.kill()
            process.communicate()


class QuickCli(Cli):
    """The same command inside the tests' process, for what no process of its own is needed for."""

    def run(self, *words: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        out, err, code = io.StringIO(), io.StringIO(), 0
        with (
            capture_logs(),  # The controller's, which is in this process too.
            patch.dict(os.environ, self._environment),
            patch.object(sys, "argv", ["ovsfleet", *words]),
            patch.object(sys, "stdin", io.StringIO(stdin)),
            redirect_stdout(out),
            redirect_stderr(err),
        ):
            try:
                main()
            except SystemExit as end:
                code = int(end.code or 0)
        return subprocess.CompletedProcess(words, code, out.getvalue(), err.getvalue())
