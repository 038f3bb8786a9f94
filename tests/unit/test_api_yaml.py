"""YAML in: what is read, what is refused, and that every refusal names the place."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.api.yaml_documents import read_documents
from controller.domain.errors import MalformedError


def test_scalars_are_read_by_yaml_1_2_so_that_no_and_mac_addresses_stay_texts() -> None:
    text = "{a: no, b: 52:54:00:12:34:56, c: 1500, d: true, e: ~, f: '1', g: 2026-01-01, h: 0x10}"
    assert read_documents(text).values == [
        {
            "a": "no",
            "b": "52:54:00:12:34:56",
            "c": 1500,
            "d": True,
            "e": None,
            "f": "1",
            "g": "2026-01-01",
            "h": 16,
        }
    ]


def test_a_stream_of_documents_is_a_list_without_the_empty_ones() -> None:
    documents = read_documents("---\n---\nkind: Host\n---\n# nothing\n---\nkind: Port\n")
    assert documents.values == [{"kind": "Host"}, {"kind": "Port"}]
    assert documents.lines["/1/kind"] == 7


def test_every_value_knows_the_line_of_its_key() -> None:
    documents = read_documents(
        "spec:\n  mtu:\n    1500\n  addresses:\n    - 10.0.0.1/24\n    - x\n"
    )
    assert documents.lines == {
        "/0": 1,
        "/0/spec": 1,
        "/0/spec/mtu": 2,
        "/0/spec/addresses": 4,
        "/0/spec/addresses/0": 5,
        "/0/spec/addresses/1": 6,
    }


@pytest.mark.parametrize(
    ("text", "code", "place"),
    [
        ("a: &x 1\n", "anchor", "line 1, column 4"),
        ("a: 1\nb: *x\n", "alias", "line 2, column 4"),
        ("a: !!str 1\n", "tag", "line 1, column 4"),
        ("a: !foo {}\n", "tag", "line 1, column 4"),
        ("a: ! b\n", "tag", "line 1, column 4"),
        ("a: 1\nb: 2\na: 3\n", "duplicate_key", "line 3, column 1"),
        ("? {a: 1}\n: 2\n", "wrong_key", "line 1, column 3"),
        ("[" * 100, "too_deep", "line 1, column 33"),
        ("%YAML 1.1\n---\na: 010\n", "directive", "line 2"),
        ("a: 1\n b: 2\n", "not_yaml", "line 2, column 3"),
        ("a: [1, 2\nb: 3\n", "not_yaml", "line 2"),
        ("a: 'never ends\n", "not_yaml", "line"),
        ("a: \x07\n", "not_yaml", ""),
    ],
)
def test_what_hides_its_meaning_or_is_no_yaml_is_refused_with_its_place(
    text: str, code: str, place: str
) -> None:
    with pytest.raises(MalformedError) as caught:
        read_documents(text)
    (violation,) = caught.value.violations
    assert violation.code == code
    assert place in violation.detail
    assert violation.fix


@given(st.text(alphabet=st.sampled_from("ab:-[]{}&*!%?|>'\"#, \n\t01~"), max_size=60))
def test_any_text_is_either_read_or_refused_as_malformed(text: str) -> None:
    with suppress(MalformedError):
        assert all(line >= 1 for line in read_documents(text).lines.values())
