"""A data folder for a controller under test.

Not ``tmp_path``: that is closed to all but its owner, and the embedded PostgreSQL of a controller
that runs as root has a uid of its own.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from controller.embedded import Cluster


@contextmanager
def data_folder() -> Iterator[Path]:
    """Where a data folder may be made, for the length of the block."""
    root = Path(tempfile.mkdtemp(prefix="ovsfleet-"))
    root.chmod(0o711)
    yield root / "state"
    shutil.rmtree(root)


@pytest.fixture
def data_dir() -> Iterator[Path]:
    with data_folder() as folder:
        yield folder


class PreparedFolder:
    """The data folder of a controller whose PostgreSQL is made and has not run yet."""

    def __init__(self, original: Path) -> None:
        self._original = original

    def copy_to(self, folder: Path) -> None:
        subprocess.run(["cp", "-a", self._original, folder], check=True)


@pytest.fixture(scope="session")
def prepared_folder() -> Iterator[PreparedFolder]:
    """To be copied: most tests are about what comes after the first start, which takes seconds."""
    with data_folder() as folder:
        Cluster(folder).prepare()
        yield PreparedFolder(folder)
