"""Merge patches as RFC 7396 has them, on the manifest of an object."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from controller.api.merge_patch import patched
from controller.api.schemas.documents import SegmentDocument
from controller.domain.errors import InvalidError

NOW = datetime(2026, 3, 14, tzinfo=UTC)
STORED = SegmentDocument.model_validate(
    {
        "metadata": {
            "name": "blue",
            "uid": UUID(int=7),
            "project": "default",
            "labels": {"tier": "web", "zone": "a"},
            "revision": 7,
            "created_at": NOW,
            "updated_at": NOW,
        },
        "spec": {"vni": 70, "dst_port": 4789, "backend": "ovs", "mtu": 1400},
        "status": {"phase": "Ready", "observed_revision": 7, "conditions": []},
    }
)


def test_an_empty_patch_leaves_the_manifest_of_what_is_stored() -> None:
    manifest = patched(STORED, {})
    assert set(manifest) == {"kind", "metadata", "spec"}
    assert set(manifest["metadata"]) == {"name", "project", "labels"}
    assert (manifest["spec"]["vni"], manifest["spec"]["mtu"]) == (70, 1400)


def test_null_removes_and_a_value_takes_the_place_of_another() -> None:
    patch = {"metadata": {"labels": {"tier": None, "new": "x"}}, "spec": {"mtu": None, "vni": 71}}
    manifest = patched(STORED, patch)
    assert manifest["metadata"]["labels"] == {"zone": "a", "new": "x"}
    assert "mtu" not in manifest["spec"]
    assert manifest["spec"]["vni"] == 71


def test_what_the_patch_adds_stays_for_the_shape_to_refuse() -> None:
    assert patched(STORED, {"status": {"phase": "Ready", "x": None}})["status"] == {
        "phase": "Ready"
    }


@pytest.mark.parametrize(
    "patch", [None, 7, "text", [], {"uid": None}, {"spec": {"x": None}}, {"spec": None}]
)
def test_what_merging_would_pass_over_in_silence_is_refused(patch: Any) -> None:
    with pytest.raises(InvalidError):
        patched(STORED, patch)
