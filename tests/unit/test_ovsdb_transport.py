"""The replaced parts of python-ovs: framing of the stream, and the poller."""

from __future__ import annotations

import json
import os
import resource
import select
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.ovsdb.transport import Framer, Poll

_TEXT = st.text(st.sampled_from('ab{}[]"\\/é€𝄞 \n'), max_size=12)
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | _TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_TEXT, inner, max_size=4),
    max_leaves=20,
)
_OBJECTS = st.lists(st.dictionaries(_TEXT, _JSON, max_size=4), max_size=5)


@given(objects=_OBJECTS, sizes=st.lists(st.integers(1, 40), min_size=1), raw_utf8=st.booleans())
def test_objects_come_out_as_they_went_in_however_the_stream_is_cut(
    objects: list[dict[str, Any]], sizes: list[int], *, raw_utf8: bool
) -> None:
    stream = "".join(json.dumps(each, ensure_ascii=not raw_utf8) for each in objects).encode()
    framer, received, number = Framer(), list[Any](), 0
    while stream:
        size = sizes[number % len(sizes)]
        received += map(json.loads, framer.feed(stream[:size]))
        stream, number = stream[size:], number + 1
    assert received == objects


def test_what_is_no_object_is_cut_off_instead_of_kept_for_ever() -> None:
    assert Framer().feed(b'}{"a":1}') == [b"}", b'{"a":1}']


def test_interests_in_one_descriptor_add_up() -> None:
    reader, writer = os.pipe()
    try:
        poll = Poll()
        poll.register(writer, select.POLLOUT)
        poll.register(writer, select.POLLIN)
        assert poll.poll(0) == [(writer, select.POLLOUT)]
    finally:
        os.close(reader)
        os.close(writer)


@pytest.fixture
def high_descriptor() -> Any:
    """A readable descriptor above what select() can watch."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 2048), hard))
    low = os.eventfd(1)
    high = os.dup2(low, 1500)
    yield high
    os.close(low)
    os.close(high)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_descriptors_above_1023_are_watched(high_descriptor: int) -> None:
    poll = Poll()
    poll.register(high_descriptor, select.POLLIN)
    assert poll.poll(0) == [(high_descriptor, select.POLLIN)]
