"""The small languages of the API: label selectors, page tokens and ETags."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.api.etags import etag, etag_of, is_unchanged, required_revision
from controller.api.label_selectors import parse_selector
from controller.api.paging import decode_page_token, encode_page_token
from controller.domain.errors import InvalidError, PreconditionRequiredError
from controller.domain.paging import decode_place, encode_place, moment, number

LABELS = {"tier": "web", "zone": "a", "team/name": "blue"}


@pytest.mark.parametrize(
    ("text", "matches"),
    [
        ("", True),
        ("  ", True),
        ("tier=web", True),
        ("tier==web", True),
        ("tier = web , zone=a", True),
        ("tier=db", False),
        ("tier!=db", True),
        ("tier!=web", False),
        ("missing!=web", True),
        ("missing=web", False),
        ("tier in (db, web)", True),
        ("tier in (db)", False),
        ("tier notin (db)", True),
        ("tier notin (db,web)", False),
        ("missing notin (a)", True),
        ("tier", True),
        ("missing", False),
        ("!missing", True),
        ("!tier", False),
        ("team/name=blue,zone in (a,b),!missing,tier!=db", True),
        ("tier=web,tier=db", False),
        ("tier=", False),
        ("in", False),
        ("notin=x", False),
    ],
)
def test_a_label_selector_matches_as_in_the_kubernetes_api(text: str, matches: bool) -> None:
    assert parse_selector(text).matches(LABELS) is matches


@pytest.mark.parametrize(
    "text", ["=", "a=b,", ",a", "a in", "a in b", "a in (b", "a b", "a=b c", "!", "a!", "a=(b)"]
)
def test_what_is_no_label_selector_is_refused_with_the_place_and_the_way_out(text: str) -> None:
    with pytest.raises(InvalidError) as caught:
        parse_selector(text)
    (violation,) = caught.value.violations
    assert "at character" in violation.detail
    assert "k in (a,b)" in violation.fix


@given(st.text(alphabet=st.sampled_from("ab=!(), in-_/."), max_size=40))
def test_any_text_is_a_selector_or_refused(text: str) -> None:
    with suppress(InvalidError):
        parse_selector(text).matches(LABELS)


@given(st.text(max_size=80))
def test_a_page_token_gives_back_the_place_it_was_made_for(after: str) -> None:
    token = encode_page_token(after, "Port", "blue", "a=b")
    assert decode_page_token(token, "Port", "blue", "a=b") == after


def test_a_page_token_is_refused_for_another_question() -> None:
    token = encode_page_token("here", "Port", None, "")
    with pytest.raises(InvalidError, match="other filters"):
        decode_page_token(token, "Port", "blue", "")


@given(st.text(min_size=1, max_size=60))
def test_a_page_token_that_nobody_gave_out_is_refused(token: str) -> None:
    with pytest.raises(InvalidError, match="page_token"):
        decode_page_token(token, "Port", None, "")


@given(st.text(alphabet=st.sampled_from("0129-/.:TZ+a٣"), min_size=1, max_size=40))
def test_any_text_is_a_place_in_a_list_or_refused(place: str) -> None:
    for parts in ((number, number, str), (moment, number), (str, str)):
        with suppress(InvalidError):
            found = decode_place(place, *parts)
            assert found is not None
            assert decode_place(encode_place(*found), *parts) == found


def test_a_change_without_if_match_is_told_to_send_it() -> None:
    with pytest.raises(PreconditionRequiredError, match="If-Match"):
        required_revision(None)


def test_if_match_names_a_revision_or_whatever_is_there() -> None:
    assert required_revision(etag(17)) == required_revision(etag_of(17, b"{}")) == 17
    assert required_revision("*") is None


@pytest.mark.parametrize("header", ["17", 'W/"17"', '"17", "18"', '"x"', "", '"' + "9" * 30 + '"'])
def test_if_match_that_is_no_etag_of_this_api_is_refused(header: str) -> None:
    with pytest.raises(InvalidError, match="If-Match"):
        required_revision(header)


@pytest.mark.parametrize(
    ("header", "unchanged"),
    [
        (None, False),
        ('"7-a"', True),
        ('W/"7-a"', True),
        ('"6", "7-a"', True),
        ("*", True),
        ('"7"', False),
        ('"7-b"', False),
    ],
)
def test_if_none_match_compares_weakly(header: str | None, unchanged: bool) -> None:
    assert is_unchanged(header, '"7-a"') is unchanged
