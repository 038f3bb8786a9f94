"""What pydantic finds becomes sentences with a pointer, the value and the way out."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from controller.api.schemas.requests import ApplyRequest
from controller.api.violations import body_violations, pointer
from controller.domain.errors import Violation
from controller.domain.intent import Kind


def found(*objects: Any, **more: Any) -> list[Violation]:
    with pytest.raises(ValidationError) as caught:
        ApplyRequest.model_validate({"objects": list(objects), **more})
    return list(body_violations(ApplyRequest, caught.value.errors()))


def port(**spec: Any) -> dict[str, Any]:
    base = {"host": "h1", "interface": "eth0", "segment": "blue"}
    return {"kind": "Port", "metadata": {"name": "p"}, "spec": {**base, **spec}}


def test_an_unknown_field_is_named_with_the_closest_known_one() -> None:
    assert found(port(intrface="x")) == [
        Violation(
            "/objects/0/spec/intrface",
            "unknown_field",
            'unknown field "intrface"',
            "did you mean interface?",
        )
    ]


def test_an_unknown_field_that_resembles_none_lists_the_known_ones_of_that_place() -> None:
    (violation,) = found(port(peer={"netns": "a", "interface": "b", "zzz": 1}))
    assert violation.pointer == "/objects/0/spec/peer/zzz"
    assert violation.fix == "remove it; known fields here: interface, netns"


@pytest.mark.parametrize("field", ["uid", "revision", "created_at", "updated_at"])
def test_a_field_that_the_controller_writes_is_refused_as_such(field: str) -> None:
    (violation,) = found({"kind": "Segment", "metadata": {"name": "s", field: "1"}})
    assert violation.pointer == f"/objects/0/metadata/{field}"
    assert "the controller writes it" in violation.fix


def test_a_missing_field_is_named() -> None:
    (violation,) = found({"kind": "Bridge", "metadata": {"name": "b"}, "spec": {"host": "h"}})
    assert violation == Violation(
        "/objects/0/spec/interface",
        "missing_field",
        "field interface is required and missing",
        "add interface",
    )


def test_a_misspelt_kind_gets_a_suggestion() -> None:
    (violation,) = found({"kind": "Prot", "metadata": {"name": "p"}})
    assert violation.pointer == "/objects/0/kind"
    assert '"Prot"' in violation.detail
    assert violation.fix == "did you mean Port?"


def test_a_missing_kind_lists_the_kinds() -> None:
    (violation,) = found({"metadata": {"name": "p"}})
    assert violation.pointer == "/objects/0/kind"
    assert violation.fix == f"add kind, one of: {', '.join(Kind)}"


def test_a_number_in_quotes_is_not_converted_in_silence() -> None:
    (violation,) = found({"kind": "Segment", "metadata": {"name": "s"}, "spec": {"vni": "100"}})
    assert violation.pointer == "/objects/0/spec/vni"
    assert violation.detail == 'vni is "100", but must be an integer'
    assert violation.fix == "write 100 without quotes"


@pytest.mark.parametrize("value", [True, 1.5, None, [], "fast"])
def test_an_mtu_is_an_integer_or_the_word_auto(value: object) -> None:
    (violation,) = found({"kind": "Segment", "metadata": {"name": "s"}, "spec": {"mtu": value}})
    assert violation.pointer == "/objects/0/spec/mtu"
    assert "must be an integer or the word auto" in violation.detail


def test_a_word_that_is_none_of_the_allowed_ones_gets_a_suggestion() -> None:
    (violation,) = found(port(type="vet"))
    known = "internal, veth, tap, system, patch, bond, bound"
    assert violation.detail == f'type is "vet", which is not one of: {known}'
    assert violation.fix == "did you mean veth?"


def test_labels_must_be_texts_and_the_pointer_names_the_label() -> None:
    (violation,) = found(
        {"kind": "Segment", "metadata": {"name": "s", "labels": {"a/b~c": 1}}, "spec": {}}
    )
    assert violation.pointer == "/objects/0/metadata/labels/a~1b~0c"
    assert violation.fix == 'put it in quotes: "1"'


def test_control_characters_are_refused_wherever_they_stand() -> None:
    (violation,) = found(port(addresses=["10.0.0.1/24", "10.0.0.2\n/24"]))
    assert violation.pointer == "/objects/0/spec/addresses/1"
    assert "U+000A" in violation.detail


def test_all_violations_are_told_at_once() -> None:
    violations = found(port(tag="x", bogus=1), {"kind": "Nope"}, dry_run="yes")
    assert [violation.pointer for violation in violations] == [
        "/objects/0/spec/tag",
        "/objects/0/spec/bogus",
        "/objects/1/kind",
        "/dry_run",
    ]


def test_a_field_that_bears_the_name_of_a_kind_keeps_its_place_in_the_pointer() -> None:
    (violation,) = found({**port(), "Port": {}})
    assert violation.pointer == "/objects/0/Port"


def test_pointers_escape_as_rfc_6901_wants() -> None:
    assert pointer(("a/b", 3, "c~d")) == "/a~1b/3/c~0d"
