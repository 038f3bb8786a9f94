"""Where webhooks may not be sent, whatever is written in the URL or answered by DNS."""

from __future__ import annotations

import ipaddress
import ssl
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest

from controller.domain.webhook_targets import IpAddress, TargetError, check_address, parse_url
from controller.jobs.webhook_sender import Sender, is_own_address
from controller.services.webhook_deliveries import Outcome
from tests.support.receiver import OK, receiver
from tests.support.tls import make_certificate

REFUSED = {
    "loopback": ["127.0.0.1", "127.255.255.254", "::1"],
    "link-local": ["169.254.169.254", "fe80::1"],
    "multicast": ["224.0.0.1", "239.255.255.250", "ff02::1"],
    "unspecified": ["0.0.0.0", "0.0.0.1", "::"],  # noqa: S104
    "reserved or broadcast": ["255.255.255.255", "240.0.0.1"],
    "metadata": ["168.63.129.16", "100.100.100.200", "192.0.0.192", "fd00:ec2::254"],
    "translate": ["64:ff9b:1::a9fe:a9fe", "64:ff9b:1:a9fe:a9:fe00::"],
}
DISGUISED = {
    "loopback": [
        "::ffff:127.0.0.1",
        "64:ff9b::7f00:1",
        "2002:7f00:1::",
        "::127.0.0.1",
        "::ffff:0:127.0.0.1",
        "2001:db8::5efe:127.0.0.1",
        "2001:db8::200:5efe:127.0.0.1",
        "2002:7f00:1::5efe:10.0.0.1",
    ],
    "link-local": [
        "::ffff:169.254.169.254",
        "64:ff9b::a9fe:a9fe",
        "2002:a9fe:a9fe::1",
        "fe80::5efe:192.0.2.1",
    ],
    "metadata": ["::ffff:168.63.129.16"],
    "unspecified": ["::ffff:0.0.0.0", "64:ff9b::"],
}
ALLOWED = ["192.0.2.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "2001:db8::1", "fd00::1"]
ALLOWED_DISGUISED = ["::ffff:10.1.2.3", "64:ff9b::c000:201", "2001:db8::5efe:10.1.2.3"]


@pytest.mark.parametrize("table", [REFUSED, DISGUISED])
def test_nothing_is_sent_to_what_only_the_controller_reaches(table: dict[str, list[str]]) -> None:
    for word, addresses in table.items():
        for address in addresses:
            with pytest.raises(TargetError, match=word):
                check_address(ipaddress.ip_address(address), is_own=False, allow_loopback=False)


def test_public_and_private_addresses_are_fine_unless_they_are_the_controllers_own() -> None:
    for address in map(ipaddress.ip_address, [*ALLOWED, *ALLOWED_DISGUISED]):
        check_address(address, is_own=False, allow_loopback=False)
        with pytest.raises(TargetError, match="own address"):
            check_address(address, is_own=True, allow_loopback=False)


def test_a_lab_that_allows_loopback_allows_nothing_else() -> None:
    for address in ("127.0.0.1", "::1", "::ffff:127.0.0.1"):
        check_address(ipaddress.ip_address(address), is_own=True, allow_loopback=True)
    for word in REFUSED.keys() - {"loopback"}:
        for address in REFUSED[word]:
            with pytest.raises(TargetError, match=word):
                check_address(ipaddress.ip_address(address), is_own=False, allow_loopback=True)


def test_the_kernel_knows_which_addresses_are_its_own() -> None:
    interfaces = Path("/proc/net/if_inet6").read_text().splitlines()
    own = [ipaddress.IPv6Address(bytes.fromhex(line.split()[0])) for line in interfaces]
    assert all(is_own_address(address) for address in own if not address.is_link_local)
    assert is_own_address(ipaddress.ip_address("127.0.0.1"))
    for foreign in ("198.51.100.7", "255.255.255.255", "2001:db8::1"):
        assert not is_own_address(ipaddress.ip_address(foreign))


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("gopher://receiver.example/", "scheme"),
        ("receiver.example/hook", "scheme"),
        ("http:///hook", "no host"),
        ("http://receiver.example:22/", "port 22"),
        ("http://receiver.example:99999/", "cannot be read"),
        ("http://[::1/", "cannot be read"),
        ("http://me@receiver.example/", "user"),
        ("http://receiver.example/#top", "fragment"),
        ("http://receiver.example/a b", "characters"),
        ("http://receiver.example\\@127.0.0.1/", "characters"),
        ("http://receiver.example/\r\nHost: other", "characters"),
        ("http://127.0.0.1/", "loopback"),
        ("http://[::ffff:7f00:1]/", "loopback"),
        ("http://[fe80::1%25eth0]/", "link-local"),
    ],
)
def test_a_url_that_nothing_can_be_sent_to_says_why(url: str, reason: str) -> None:
    with pytest.raises(TargetError, match=reason):
        parse_url(url, allow_loopback=False)


def test_a_number_that_stands_for_loopback_is_seen_through_when_it_is_resolved() -> None:
    with Sender(allow_loopback=False) as sender:
        for host in ("2130706433", "0x7f.1", "localhost"):
            assert parse_url(f"http://{host}/", allow_loopback=False).host == host
            outcome = sender.send(f"http://{host}:9/", {}, b"")
            assert "not sent" in (outcome.error or "")


class Names:
    """DNS whose answer changes every time it is asked."""

    def __init__(self, *answers: list[str]) -> None:
        self._answers = iter(answers)

    def __call__(self, *_: object) -> Sequence[IpAddress]:
        return [ipaddress.ip_address(text) for text in next(self._answers)]


def test_the_connection_goes_to_the_address_that_was_checked() -> None:
    # No DNS knows .invalid: a second question would end the attempt.
    names = Names(["127.0.0.1"])
    with receiver() as to, Sender(allow_loopback=True, resolve=names) as sender:
        url = f"http://receiver.invalid:{to.port}/hook?a=b"
        assert sender.send(url, {"Webhook-Id": "1"}, b"{}") == Outcome(204)
    assert to.received[0].headers["host"] == f"receiver.invalid:{to.port}"
    assert to.received[0].path == "/hook?a=b"


def test_a_name_that_has_one_bad_address_or_turns_bad_is_not_sent_to() -> None:
    names = Names(["192.0.2.1", "127.0.0.1"], ["169.254.169.254"], [])
    with receiver() as to, Sender(allow_loopback=False, resolve=names) as sender:
        url = f"http://receiver.invalid:{to.port}/"
        errors = [sender.send(url, {}, b"{}").error or "" for _ in range(3)]
    assert ["loopback" in errors[0], "link-local" in errors[1], "no address" in errors[2]] == [
        True
    ] * 3
    assert to.received == []


def test_every_address_is_tried_until_one_connects() -> None:
    names = Names(["127.0.0.2", "127.0.0.1"], ["127.0.0.2"])
    with receiver() as to, Sender(allow_loopback=True, resolve=names) as sender:
        url = f"http://receiver.invalid:{to.port}/"
        assert sender.send(url, {}, b"{}") == Outcome(204)
        outcome = sender.send(url, {}, b"{}")
    assert "cannot connect to 127.0.0.2" in (outcome.error or "")
    assert outcome.unreachable


def test_a_dns_that_does_not_answer_is_given_up_in_time() -> None:
    given_up = threading.Event()

    def resolve(*_: object) -> Sequence[IpAddress]:
        assert given_up.wait(60)
        return []

    with Sender(allow_loopback=True, within_s=0.2, resolve=resolve) as sender:
        outcome = sender.send("http://receiver.invalid/", {}, b"{}")
        given_up.set()
    assert "no DNS told of receiver.invalid" in (outcome.error or "")
    assert outcome.unreachable


def test_a_cookie_of_an_answer_is_not_sent_back() -> None:
    with receiver() as to, Sender(allow_loopback=True) as sender:
        to.answer = lambda _: (204, {"Set-Cookie": "who=me"}, b"")
        for _ in range(2):
            sender.send(to.url, {}, b"{}")
    assert ["cookie" in each.headers for each in to.received] == [False, False]


def test_a_certificate_must_be_of_the_name_and_not_of_the_address(tmp_path: Path) -> None:
    for name, code in (("receiver.invalid", 204), ("other.invalid", None)):
        made = make_certificate(tmp_path, name)
        server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        server.load_cert_chain(made.certificate, made.key)
        trusting = ssl.create_default_context(cafile=str(made.certificate))
        names = Names(["127.0.0.1"])
        with (
            receiver(server) as to,
            Sender(allow_loopback=True, resolve=names, tls=trusting) as sender,
        ):
            outcome = sender.send(f"https://receiver.invalid:{to.port}/", {}, b"{}")
        assert outcome.status_code == code
        assert code or "certificate" in (outcome.error or "").lower()


def test_a_redirect_is_a_failure_and_is_not_followed() -> None:
    with receiver() as to, receiver() as other, Sender(allow_loopback=True) as sender:
        to.answer = lambda _: (307, {"Location": other.url}, b"")
        outcome = sender.send(to.url, {}, b"{}")
    assert outcome.status_code == 307
    assert "redirects" in (outcome.error or "")
    assert other.received == []


def test_of_an_answer_little_is_read_and_less_is_shown() -> None:
    with receiver() as to, Sender(allow_loopback=True) as sender:
        to.answer = lambda _: (
            500,
            {"Content-Length": str(2**40)},
            b"sorry \x1b[31m " + b"x" * 8192,
        )
        outcome = sender.send(to.url, {}, b"{}")
        to.answer = lambda _: (200, {"Content-Encoding": "gzip"}, b"no gzip")
        assert sender.send(to.url, {}, b"{}") == Outcome(200)
    assert (outcome.error or "").startswith("the receiver answered 500: sorry [31m xxx")
    assert len(outcome.error or "") < 300


def test_a_receiver_that_never_ends_its_answer_is_given_up_in_time() -> None:
    with receiver() as to, Sender(allow_loopback=True, within_s=0.5) as sender:
        to.answer = lambda _: (200, {"Content-Length": "5"}, b"slow")
        assert sender.send(to.url, {}, b"{}") == Outcome(error="no complete answer within 0.5 s")
        to.answer = lambda _: OK
        assert sender.send(to.url, {}, b"{}") == Outcome(204)
