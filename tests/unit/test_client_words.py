"""What the command line says: problems, kinds, tables, and which token goes where."""

from __future__ import annotations

import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.client import context, statistics
from controller.client.documents import age, plain, reason_of
from controller.client.explaining import explain
from controller.client.failures import CommandError, ExitCode, RefusedError, warning_lines
from controller.client.kinds import PORT, SEGMENT, parse_kind
from controller.client.options import contexts_like, formats_like, kinds_like
from controller.client.output import print_found
from controller.client.tables import print_rows

URL = "https://fleet.example.net"
ELSEWHERE = "https://elsewhere.example.net"
SECRET = "ovsf_secret"


@pytest.fixture(autouse=True)
def _own_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.delenv("OVSFLEET_URL", raising=False)
    monkeypatch.delenv("OVSFLEET_TOKEN", raising=False)


def test_a_violation_is_shown_with_its_place_in_the_file_and_the_way_out() -> None:
    violation = {
        "pointer": "/objects/0/spec/vni",
        "code": "out_of_range",
        "detail": "vni is 99999999 (line 7)",
        "fix": "choose 1..16777215",
    }
    problem = {"title": "Invalid", "detail": "1 violation", "errors": [violation]}
    refused = RefusedError(422, problem, lambda line: f"fabric.yaml:{line}: vni: 99999999")
    assert refused.exit_code is ExitCode.ERROR
    assert refused.message == "Invalid: 1 violation"
    assert refused.lines == (
        "1. /objects/0/spec/vni: vni is 99999999",
        "   at  fabric.yaml:7: vni: 99999999",
        "   fix choose 1..16777215",
    )


def test_what_the_headline_says_is_not_said_again() -> None:
    error = {"pointer": "", "detail": "size is no order", "fix": "use name"}
    problem = {"title": "Invalid", "detail": error["detail"], "errors": [error]}
    assert RefusedError(422, problem, None).lines == ("fix use name",)
    both = RefusedError(422, {**problem, "errors": [error, error]}, None)
    assert both.lines[::2] == ("1. /: size is no order", "2. /: size is no order")


@pytest.mark.parametrize(
    ("status", "exit_code"),
    [(400, 1), (401, 3), (403, 3), (404, 4), (409, 5), (412, 5), (422, 1), (503, 1)],
)
def test_the_exit_code_says_what_kind_of_refusal_it_was(status: int, exit_code: int) -> None:
    assert RefusedError(status, {}, None).exit_code == exit_code


@given(st.dictionaries(st.text(), st.none() | st.text() | st.lists(st.integers()), max_size=5))
def test_no_problem_document_is_too_odd_to_be_told(problem: dict[str, object]) -> None:
    assert RefusedError(500, {**problem, "errors": [1, {"pointer": None}]}, None).message


@pytest.mark.parametrize("word", ["Port", "port", "ports", "p", "PORTS"])
def test_a_kind_goes_by_several_names(word: str) -> None:
    assert parse_kind(word) is PORT


def test_an_unknown_kind_is_answered_with_the_known_ones() -> None:
    with pytest.raises(CommandError) as caught:
        parse_kind("router")
    assert SEGMENT.collection in caught.value.hint
    assert "Did you mean" not in caught.value.hint
    with pytest.raises(CommandError) as caught:
        parse_kind("prot")
    assert "Did you mean port?" in caught.value.hint


def test_a_field_of_the_spec_is_explained_by_its_own_name(
    capsys: pytest.CaptureFixture[str],
) -> None:
    spec = {"properties": {"mac": {"type": "string", "description": "Its address."}}}
    manifest = {"properties": {"kind": {"const": "Port"}, "spec": spec}}
    openapi = {"components": {"schemas": {"PortManifest": manifest}}}
    for path in ("port.mac", "port.spec.mac"):
        explain(openapi, path)
        assert capsys.readouterr().out == "port.spec.mac: string\nIts address.\n"
    with pytest.raises(CommandError) as caught:
        explain(openapi, "port.size")
    assert caught.value.hint == "Fields there are kind, spec, mac."


def test_kinds_logins_and_formats_are_completed() -> None:
    assert kinds_like("Po") == ["pools", "pool", "ports", "port"]
    assert formats_like("j") == ["json", "jsonpath="]
    assert contexts_like("") == []
    login("lab")
    assert contexts_like("l") == ["lab"]


def test_a_name_is_never_cut_where_a_terminal_is_narrow(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "20")
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    print_rows(["NAME", "MESSAGE"], [["a-name-of-thirty-three-characters", "why " * 9]])
    said = capsys.readouterr().out
    assert "a-name-of-thirty-three-characters" in said
    assert ("why " * 9).strip() in said


def test_a_table_ends_where_its_words_end(capsys: pytest.CaptureFixture[str]) -> None:
    print_rows(["NAME", "AGE"], [["a", "1m"], ["long", "12m"]])
    assert capsys.readouterr().out == "NAME   AGE\na      1m\nlong   12m\n"


def test_without_any_login_one_is_asked_for() -> None:
    with pytest.raises(CommandError, match="Not signed in") as caught:
        context.current()
    assert caught.value.exit_code is ExitCode.AUTH


def test_text_from_the_fleet_cannot_drive_the_terminal() -> None:
    assert "\x1b" not in plain("\x1b[2Jgone\r\n")
    assert plain("naïve 名前 ✓") == "naïve 名前 ✓"


@pytest.mark.parametrize(("seconds", "shown"), [(-5, "0s"), (90, "90s"), (600, "10m"), (2e5, "2d")])
def test_an_age_is_one_number_and_one_unit(seconds: float, shown: str) -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    assert age((now - timedelta(seconds=seconds)).isoformat(), now) == shown


def test_what_keeps_an_object_from_being_ready_is_told_before_its_connection() -> None:
    document = {
        "status": {
            "phase": "Failed",
            "conditions": [
                {"type": "Connected", "status": "Unknown", "reason": "Silent", "message": "x"},
                {"type": "Realized", "status": "False", "reason": "Held", "message": "no room"},
            ],
        }
    }
    assert reason_of(document) == "Failed, Held: no room"


def login(name: str = context.DEFAULT_NAME, url: str = URL, token: str = SECRET) -> Path:
    return context.save(context.load().with_login(name, context.Context(url, token)))


def test_a_login_is_readable_by_its_owner_only_and_found_again() -> None:
    assert stat.S_IMODE(login().stat().st_mode) == 0o600
    assert context.current() == context.Context(URL, "ovsf_secret")


def test_the_login_of_before_there_were_names_is_found_again() -> None:
    path = context.config_path()
    path.parent.mkdir(parents=True)
    path.write_text(f"url: {URL}\ntoken: ovsf_secret\n", encoding="utf-8")
    assert context.current() == context.Context(URL, "ovsf_secret")
    login("lab", ELSEWHERE)
    assert set(context.load().contexts) == {"default", "lab"}


def test_the_last_login_is_used_until_another_is_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    login("production")
    login("lab", ELSEWHERE, "ovsf_other")
    assert context.current() == context.Context(ELSEWHERE, "ovsf_other")
    monkeypatch.setenv("OVSFLEET_CONTEXT", "production")
    assert context.current() == context.Context(URL, "ovsf_secret")


def test_a_login_that_is_not_there_is_answered_with_those_that_are(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    login("production")
    monkeypatch.setenv("OVSFLEET_CONTEXT", "lab")
    with pytest.raises(CommandError, match="there are: production") as caught:
        context.current()
    assert caught.value.exit_code is ExitCode.NOT_FOUND


def test_the_environment_overrides_the_login(monkeypatch: pytest.MonkeyPatch) -> None:
    login()
    monkeypatch.setenv("OVSFLEET_URL", ELSEWHERE)
    monkeypatch.setenv("OVSFLEET_TOKEN", "ovsf_other")
    monkeypatch.setenv("OVSFLEET_CONTEXT", "default")
    assert context.current() == context.Context(ELSEWHERE, "ovsf_other")


def test_a_token_without_an_address_is_sent_nowhere_while_there_are_logins(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OVSFLEET_TOKEN", "ovsf_other")
    assert context.current() == context.Context(context.DEFAULT_URL, "ovsf_other")
    login()
    with pytest.raises(CommandError, match="could be for any controller"):
        context.current()


def test_without_a_login_in_use_none_is_taken() -> None:
    login("lab", context.DEFAULT_URL)
    login("production")
    context.save(context.load().without("production"))
    with pytest.raises(CommandError, match="No login is in use; there are: lab"):
        context.current()


def test_an_empty_name_is_the_name_of_no_login() -> None:
    login()
    context.choose("")
    try:
        with pytest.raises(CommandError, match="no context ''"):
            context.current()
    finally:
        context.choose(None)


@pytest.mark.parametrize("since", ["999999d", "9" * 40 + "d", "\u0663d", "soon"])
def test_a_time_that_nobody_can_look_back_to_is_refused(since: str) -> None:
    with pytest.raises(CommandError, match="no time to look back"):
        statistics.beginning(since)


@pytest.mark.parametrize("path", ["$.a[?@.b=~/(a/]", "$.a[", "$..[?"])
def test_what_is_no_path_is_refused_with_words(path: str) -> None:
    with pytest.raises(CommandError, match="is no JSONPath"):
        print_found({"a": [{"b": "c"}]}, path)


def test_a_stored_token_is_sent_to_no_other_controller(monkeypatch: pytest.MonkeyPatch) -> None:
    login()
    monkeypatch.setenv("OVSFLEET_URL", ELSEWHERE)
    with pytest.raises(CommandError) as caught:
        context.current()
    assert caught.value.exit_code is ExitCode.AUTH


def test_an_address_in_the_environment_gets_the_token_that_it_issued(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    login("lab", ELSEWHERE, "ovsf_other")
    login()
    monkeypatch.setenv("OVSFLEET_URL", ELSEWHERE + "/")
    assert context.current() == context.Context(ELSEWHERE, "ovsf_other")


@pytest.mark.parametrize(
    ("counter", "per_second", "shown"),
    [
        ("rx_bytes", 0.0, "0 bit/s"),
        ("rx_bytes", 1250.0, "10 kbit/s"),
        ("tx_bytes", 187_500_000.0, "1.5 Gbit/s"),
        ("rx_packets", 12.34, "12.3 /s"),
        ("rx_packets", 123_456.0, "123 k/s"),
    ],
)
def test_a_rate_is_shown_with_the_unit_that_fits(
    counter: str, per_second: float, shown: str
) -> None:
    assert statistics.rate(counter, per_second) == shown


def test_a_course_is_as_wide_as_it_may_be_and_shows_gaps() -> None:
    assert statistics.course([0.0, None, 7.0], width=3) == "▁ █"
    assert len(statistics.course([1.0] * 180, width=30)) == 30
    assert statistics.course([None, None], width=2) == "  "
    assert statistics.course([0.0, 0.0], width=2) == "▁▁"


@pytest.mark.parametrize("url", ["", "fleet.example.net", "ftp://x", "http://"])
def test_an_address_that_cannot_be_a_controller_is_refused(url: str) -> None:
    with pytest.raises(CommandError, match="not the address"):
        context.check_url(url)


def test_a_warning_names_the_place_in_the_file_and_what_to_do() -> None:
    warning = {"pointer": "/objects/0/spec", "detail": "it grows (line 4)", "fix": "split it"}
    assert warning_lines(warning, lambda line: f"fabric.yaml:{line}: segment: wide") == [
        "warning: /objects/0/spec: it grows",
        "   at  fabric.yaml:4: segment: wide",
        "   fix split it",
    ]
