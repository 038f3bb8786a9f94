"""``ovsfleet diff --observed`` as a person reads it."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from controller.client.context import Context
from controller.client.failures import RefusedError
from controller.client.observed import print_observed
from controller.client.rest import Api

UID = "00000000-0000-4000-8000-00000000000a"


def observed(api_answer: dict[str, Any], status: int = 200) -> bool:
    def answer(request: httpx.Request) -> httpx.Response:
        assert request.url.path == "/v1/hosts/h1/observed"
        return httpx.Response(status, json=api_answer)

    with Api(Context("http://test", "token"), httpx.MockTransport(answer)) as api:
        return print_observed(api, "h1")


def item(resource: str, state: str, of: tuple[str, str] | None, **more: Any) -> dict[str, Any]:
    reference = of and {"kind": of[0], "name": of[1], "project": "default"}
    plain = {"differences": [], "reason": "", "message": ""}
    return {"resource": resource, "state": state, "object": reference, **plain, **more}


def document(*items: dict[str, Any], revision: int = 12, **counts: int) -> dict[str, Any]:
    known = {"host": "h1", "revision": revision, "truncated": False}
    return {**known, "items": items, "counts": counts}


def test_what_was_found_stands_beside_what_is_intended(capsys: pytest.CaptureFixture[str]) -> None:
    tag = {"field": "Port.tag", "intended": "2", "found": "7"}
    gone = {"field": "present", "intended": "yes", "found": "no"}
    why = {"reason": "Drifted", "message": "somebody changed it"}
    assert observed(
        document(
            item(f"port:{UID}", "differs", ("Port", "web1"), differences=[tag], **why),
            item(f"tunnel:{UID}/b", "missing", ("Segment", "red"), differences=[gone]),
            item("overlay", "as_intended", None),
            differs=1,
            missing=1,
            as_intended=1,
            failed=0,
        )
    )
    told = capsys.readouterr()
    assert told.out.splitlines() == [
        "--- port/web1 on h1 as found: differs",
        "+++ port/web1 as accepted at revision 12",
        "-Port.tag: 7",
        "+Port.tag: 2",
        " Drifted: somebody changed it",
        "--- segment/red (tunnel to b) on h1 as found: missing",
        "+++ segment/red (tunnel to b) as accepted at revision 12",
        "-present: no",
        "+present: yes",
    ]
    assert "1 differs, 1 missing, 1 as intended." in told.err


def test_a_host_that_is_as_intended_has_no_difference(capsys: pytest.CaptureFixture[str]) -> None:
    assert not observed(document(item("overlay", "as_intended", None), as_intended=1))
    assert capsys.readouterr().out == ""
    assert not observed(document(revision=0))
    assert "no state yet" in capsys.readouterr().err


def test_a_host_that_is_away_is_no_matter_of_the_controllers_log() -> None:
    problem = {"title": "The host cannot be asked", "code": "host_away", "request_id": "r"}
    with pytest.raises(RefusedError) as refused:
        observed({**problem, "detail": "it is away"}, status=503)
    assert (refused.value.message, refused.value.hint) == (
        "The host cannot be asked: it is away",
        "",
    )
