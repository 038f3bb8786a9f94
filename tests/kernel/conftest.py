"""The lab that all cells share; ``deploy/guest/run`` is where they run."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.kernel_datapath import KernelLab, kernel_lab


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KernelLab]:
    with kernel_lab(tmp_path_factory.mktemp("lab")) as made:
        yield made
