"""Manifest files become one request whose line numbers lead back to the files."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from controller.client.failures import CommandError
from controller.client.manifests import Manifests, read

_DOCUMENTS = st.sampled_from(
    [
        "kind: Host\nmetadata: {name: a}\n",
        "---\nkind: Host\nmetadata: {name: b}\n",
        "# first a comment\n\n---\nkind: Host\n---\nkind: Port",
        '{"kind": "Segment"}',
        "--- # a comment on the mark\nkind: Bridge\n",
    ]
)


def documents_in(text: str) -> list[object]:
    return list(YAML(typ="safe", pure=True).load_all(text))


@given(st.lists(_DOCUMENTS, min_size=1, max_size=5))
def test_joining_files_keeps_every_document_and_adds_none(texts: list[str]) -> None:
    joined = Manifests()
    for number, text in enumerate(texts):
        joined.add(f"{number}.yaml", text)
    assert documents_in(joined.text) == [one for text in texts for one in documents_in(text)]


@given(st.lists(_DOCUMENTS, min_size=1, max_size=5))
def test_every_line_of_the_request_leads_to_the_same_line_of_its_file(texts: list[str]) -> None:
    joined = Manifests()
    for number, text in enumerate(texts):
        joined.add(f"{number}.yaml", text)
    sent = joined.text.splitlines()
    found = [joined.locate(line) for line in range(1, len(sent) + 1)]
    for number, text in enumerate(texts):
        for index, line in enumerate(text.splitlines()):
            assert f"{number}.yaml:{index + 1}: {line.strip()}" in found


def test_a_folder_is_read_by_name_and_other_files_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "b.yml").write_text("kind: Port\n")
    (tmp_path / "a.yaml").write_text("kind: Host\n")
    (tmp_path / "notes.txt").write_text("not a manifest")
    assert documents_in(read([str(tmp_path)]).text) == [{"kind": "Host"}, {"kind": "Port"}]


def test_a_dash_reads_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("kind: Host\n"))
    manifests = read(["-"])
    assert manifests.text == "kind: Host\n"
    assert manifests.locate(1) == "stdin:1: kind: Host"


@pytest.mark.parametrize("content", [b"", b"  \n\n"])
def test_nothing_to_apply_is_an_error(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "empty.yaml"
    path.write_bytes(content)
    with pytest.raises(CommandError, match="no manifest"):
        read([str(path)])


def test_a_file_that_is_no_text_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "binary.yaml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(CommandError, match=r"binary\.yaml is not UTF-8"):
        read([str(path)])


def test_a_missing_file_and_an_empty_folder_are_named(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="Cannot read"):
        read([str(tmp_path / "absent.yaml")])
    with pytest.raises(CommandError, match="holds no manifest"):
        read([str(tmp_path)])
