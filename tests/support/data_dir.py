"""A data folder for a controller under test.

Not ``tmp_path``: that is closed to all but its owner, and the embedded PostgreSQL of a controller
that runs as root has a uid of its own.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def data_dir() -> Iterator[Path]:
    root = Path(tempfile.mkdtemp(prefix="ovsfleet-"))
    root.chmod(0o711)
    yield root / "state"
    shutil.rmtree(root)
