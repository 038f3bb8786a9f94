"""Writers of intent over REST, and the history of what each asked for and was answered.

Each owns a connection and a seeded source of chance, so that what it tries is the same in every
run; what it meets depends on the others. Every write bears a label of its own by which its trace in
the database is known.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any, TypeAlias

import httpx

Document: TypeAlias = dict[str, Any]
Target: TypeAlias = tuple[str, str]
"""Kind and name of an object."""

MARK = "mark"
HOSTS = tuple(f"h{number}" for number in range(1, 7))
SEGMENTS = tuple(f"s{number}" for number in range(8))
PORTS = tuple(f"p{number}" for number in range(18))
"""Of each host three, in turn: a port cannot move."""
VNIS = (7001, 7002, 7003)
_ACTIONS = {"POST": "created", "PUT": "updated", "PATCH": "updated", "DELETE": "deleted"}
_KINDS = {"hosts": "Host", "segments": "Segment", "ports": "Port"}


@dataclass(frozen=True, slots=True)
class Effect:
    """What one acknowledged write did to one object."""

    target: Target
    action: str
    revision: int
    based_on: int | None
    """The revision that the writer named in If-Match."""
    mark: str


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request and its answer, with the moments between which it was carried out."""

    operation: str
    status: int
    media: str
    answer: Document
    started: float
    finished: float
    effects: tuple[Effect, ...] = ()

    @property
    def revision(self) -> int:
        (revision,) = {effect.revision for effect in self.effects}
        return revision


@dataclass
class Writer:
    """Tries one thing after the other, and does not care whether it was possible."""

    http: httpx.Client
    number: int
    history: list[Exchange] = field(default_factory=list)
    _marks: int = 0

    def __post_init__(self) -> None:
        self._random = Random(self.number)  # noqa: S311 (that others can repeat it is the point)

    def run(self, writes: int) -> None:
        tries = {
            self._create_port: 4,
            self._create_segment: 3,
            self._replace_port: 5,
            self._patch_port: 3,
            self._replace_segment: 4,
            self._replace_host: 3,
            self._delete_port: 3,
            self._delete_segment: 1,
            self._delete_many: 1,
            self._apply_segment: 5,
        }
        for attempt in self._random.choices(list(tries), list(tries.values()), k=writes):
            attempt()

    def apply(self, *objects: Document) -> None:
        """Writes whole objects; they get the mark of this write."""
        mark = self._new_mark()
        body = {"objects": [_marked(each, mark) for each in objects]}
        self._change_many("apply", "/v1/apply", body, mark)

    def _create_port(self) -> None:
        name = self._pick(PORTS)
        self._create("ports", name, self._port_spec(name))

    def _create_segment(self) -> None:
        vni = {"vni": self._pick(VNIS)} if self._random.random() < 0.5 else {}
        self._create("segments", self._pick(SEGMENTS), vni)

    def _replace_port(self) -> None:
        name = self._pick(PORTS)
        self._replace("ports", name, self._port_spec(name))

    def _patch_port(self) -> None:
        name, mark = self._pick(PORTS), self._new_mark()
        etag = self._read_etag("ports", name)
        changes = {"spec": {"segment": self._pick(SEGMENTS)}, "metadata": {"labels": {MARK: mark}}}
        if etag is not None:
            self._write_one(
                "patch_port",
                "PATCH",
                f"/v1/ports/{name}",
                ("Port", name),
                mark,
                body=changes,
                if_match=etag,
            )

    def _replace_segment(self) -> None:
        self._replace("segments", self._pick(SEGMENTS), {"mtu": self._random.randint(1280, 1400)})

    def _replace_host(self) -> None:
        """Moves its VTEP, which every mesh that the host is in must follow."""
        name = self._pick(HOSTS)
        self._replace("hosts", name, host_spec(name, move=self._random.randrange(5)))

    def _delete_port(self) -> None:
        self._delete("ports", self._pick(PORTS))

    def _delete_segment(self) -> None:
        self._delete("segments", self._pick(SEGMENTS))

    def _delete_many(self) -> None:
        names = self._random.sample(PORTS, 3)
        body = {"objects": [{"kind": "Port", "metadata": {"name": name}} for name in names]}
        self._change_many("delete_objects", "/v1/delete", body, self._new_mark())

    def _apply_segment(self) -> None:
        """A segment together with ports on three hosts."""
        segment, first = self._pick(SEGMENTS), self._random.randrange(len(PORTS) - 2)
        self.apply(
            manifest("Segment", segment, {}),
            *(
                manifest("Port", name, {**self._port_spec(name), "segment": segment})
                for name in PORTS[first : first + 3]
            ),
        )

    def _pick(self, choices: tuple[Any, ...]) -> Any:
        return self._random.choice(choices)

    def _port_spec(self, name: str) -> Document:
        """Now and then it wants the device of another port of its host."""
        place = PORTS.index(name) % len(HOSTS)
        device = self._pick(PORTS[place :: len(HOSTS)]) if self._random.random() < 0.1 else name
        return {"host": HOSTS[place], "segment": self._pick(SEGMENTS), "interface": device}

    def _new_mark(self) -> str:
        self._marks += 1
        return f"{self.number}-{self._marks}"

    def _create(self, collection: str, name: str, spec: Document) -> None:
        mark = self._new_mark()
        body = _marked(manifest(_KINDS[collection], name, spec), mark)
        target = (_KINDS[collection], name)
        operation = f"create_{_one(collection)}"
        self._write_one(operation, "POST", f"/v1/{collection}", target, mark, body=body)

    def _replace(self, collection: str, name: str, spec: Document) -> None:
        etag, mark = self._read_etag(collection, name), self._new_mark()
        body = _marked(manifest(_KINDS[collection], name, spec), mark)
        target, path = (_KINDS[collection], name), f"/v1/{collection}/{name}"
        if etag is not None:
            operation = f"replace_{_one(collection)}"
            self._write_one(operation, "PUT", path, target, mark, body=body, if_match=etag)

    def _delete(self, collection: str, name: str) -> None:
        etag = self._read_etag(collection, name)
        target, path = (_KINDS[collection], name), f"/v1/{collection}/{name}"
        if etag is not None:
            operation = f"delete_{_one(collection)}"
            self._write_one(operation, "DELETE", path, target, self._new_mark(), if_match=etag)

    def _read_etag(self, collection: str, name: str) -> str | None:
        path = f"/v1/{collection}/{name}"
        read = self._send(f"get_{_one(collection)}", "GET", path)
        self.history.append(read)
        return f'"{read.answer["metadata"]["revision"]}"' if read.status == 200 else None

    def _write_one(
        self,
        operation: str,
        method: str,
        path: str,
        target: Target,
        mark: str,
        *,
        body: Document | None = None,
        if_match: str | None = None,
    ) -> None:
        headers = {"If-Match": if_match} if if_match else {}
        if method == "PATCH":
            headers["Content-Type"] = "application/merge-patch+json"
        sent = self._send(operation, method, path, headers=headers, json=body)
        based_on = int(if_match.strip('"')) if if_match else None

        def effects() -> Iterator[Effect]:
            action = _ACTIONS[method]
            revision = sent.answer.get("metadata", sent.answer)["revision"]
            yield Effect(target, action, revision, based_on, mark)

        self._remember(sent, effects())

    def _change_many(self, operation: str, path: str, body: Document, mark: str) -> None:
        sent = self._send(operation, "POST", path, json=body)

        def effects() -> Iterator[Effect]:
            for each in sent.answer["results"]:
                if each["action"] != "unchanged":
                    assert each["revision"] == sent.answer["revision"]
                    target = (each["kind"], each["name"])
                    yield Effect(target, each["action"], each["revision"], None, mark)

        self._remember(sent, effects())

    def _remember(self, sent: Exchange, effects: Iterator[Effect]) -> None:
        done = tuple(effects) if sent.status < 300 else ()
        moments = (sent.started, sent.finished)
        self.history.append(
            Exchange(sent.operation, sent.status, sent.media, sent.answer, *moments, done)
        )

    def _send(self, operation: str, method: str, path: str, **request: Any) -> Exchange:
        started = time.monotonic()
        answer = self.http.request(method, path, **request)
        finished = time.monotonic()
        media = answer.headers["content-type"]
        return Exchange(operation, answer.status_code, media, answer.json(), started, finished)


def manifest(kind: str, name: str, spec: Mapping[str, Any]) -> Document:
    return {"kind": kind, "metadata": {"name": name}, "spec": dict(spec)}


def host_spec(name: str, *, move: int = 0) -> Document:
    """Each host has VTEPs of its own to choose from."""
    number = HOSTS.index(name) + 1
    return {"vteps": [f"192.0.2.{number * 10 + move}"], "datapath_type": "netdev"}


def _marked(document: Document, mark: str) -> Document:
    return {**document, "metadata": {**document["metadata"], "labels": {MARK: mark}}}


def _one(collection: str) -> str:
    return collection.removesuffix("s")
