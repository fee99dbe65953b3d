"""A stand-in for the hub: the parts of its HTTP interface that a download uses, on the loopback address."""

import hashlib
import json
import re
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

CHUNK = 1 << 16
_API = re.compile(r"/api/(models|datasets)/([^/]+/[^/]+?)(?:/(revision|tree)/([^/]+))?$")
_FILE = re.compile(r"/(datasets/)?([^/]+/[^/]+)/resolve/([0-9a-f]{40})/(.+)$")


@dataclass
class Hub:
    """A hub of a few repositories.

    Attributes
    ----------
    repositories : dict
        "models/owner/name" or "datasets/owner/name" -> file name -> content.
    requests : list of (str, str, dict)
        Method, path and headers of every request.
    sent : dict
        Path of a file -> bytes of it that were sent.
    spoil : dict
        File name -> how many of its next transfers have their bytes changed.
    cut : dict
        File name -> after how many bytes its next transfer breaks off.
    pause : float
        Seconds to wait after every chunk, so that a transfer can be interrupted.
    """

    repositories: dict[str, dict[str, bytes]]
    requests: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)
    sent: dict[str, int] = field(default_factory=dict)
    spoil: dict[str, int] = field(default_factory=dict)
    cut: dict[str, int] = field(default_factory=dict)
    pause: float = 0.0
    url: str = ""

    def commit(self, repository: str) -> str:
        """Return the only commit of a repository."""
        return hashlib.sha1(repository.encode()).hexdigest()

    def __enter__(self) -> "Hub":
        hub = self

        class Handler(_Handler):
            pass

        Handler.hub = hub
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *error: object) -> None:
        self._server.shutdown()
        self._server.server_close()


def of_folder(folder: Path) -> dict[str, bytes]:
    """Return the files of a folder as a repository holds them."""
    return {
        file.relative_to(folder).as_posix(): file.read_bytes() for file in folder.rglob("*") if file.is_file()
    }


def _is_large(name: str) -> bool:
    return name.endswith((".safetensors", ".parquet"))


def _git_sha1(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


class _Handler(BaseHTTPRequestHandler):
    # HTTP 1.0: a connection a request. The client keeps open ones, and would take the next hub for this one.
    hub: Hub

    def log_message(self, *_: object) -> None:
        pass

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def _answer(self, body: bool) -> None:
        path = unquote(urlsplit(self.path).path)
        self.hub.requests.append(
            (self.command, path, {name.lower(): value for name, value in self.headers.items()})
        )
        if match := _API.match(path):
            self._describe(*match.groups())
        elif match := _FILE.match(path):
            self._file(match[1] or "models/", match[2], match[3], match[4], body)
        else:
            self._fail("EntryNotFound")

    def _describe(self, kind: str, repository: str, what: str | None, revision: str | None) -> None:
        key = f"{kind}/{repository}"
        if key not in self.hub.repositories:
            self._fail("RepoNotFound")
            return
        commit, files = self.hub.commit(key), self.hub.repositories[key]
        if revision not in (None, "main", commit):
            self._fail("RevisionNotFound")
        elif what == "tree":
            self._json([_entry(name, content) for name, content in files.items()])
        else:
            siblings = [{"rfilename": name} for name in files]
            self._json({"id": repository, "sha": commit, "siblings": siblings, "tags": []})

    def _file(self, kind: str, repository: str, commit: str, name: str, body: bool) -> None:
        content = self.hub.repositories.get(kind + repository, {}).get(name)
        if content is None:
            self._fail("EntryNotFound")
            return
        etag = hashlib.sha256(content).hexdigest() if _is_large(name) else _git_sha1(content)
        start, size = 0, len(content)
        if found := re.match(r"bytes=(\d+)-", self.headers.get("Range", "")):
            start = int(found[1])
        if body and self.hub.spoil.get(name):
            self.hub.spoil[name] -= 1
            content = bytes(byte ^ 255 for byte in content)
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{size - 1}/{size}")
        self.send_header("Content-Length", str(size - start))
        self.send_header("ETag", f'"{etag}"')
        self.send_header("X-Repo-Commit", commit)
        self.send_header("Accept-Ranges", "bytes")
        self.end_headers()
        end = self.hub.cut.pop(name, size) if body else start
        for at in range(start, end, CHUNK):
            chunk = content[at : at + CHUNK]
            try:
                self.wfile.write(chunk)
            except OSError:
                return
            self.hub.sent[name] = self.hub.sent.get(name, 0) + len(chunk)
            if self.hub.pause:
                threading.Event().wait(self.hub.pause)

    def _json(self, value: object) -> None:
        data = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(data)

    def _fail(self, code: str) -> None:
        self.send_response(404)
        self.send_header("X-Error-Code", code)
        self.send_header("Content-Length", "0")
        self.end_headers()


def _entry(name: str, content: bytes) -> dict[str, object]:
    entry: dict[str, object] = {"type": "file", "path": name, "size": len(content), "oid": _git_sha1(content)}
    if _is_large(name):
        entry["lfs"] = {"oid": hashlib.sha256(content).hexdigest(), "size": len(content), "pointerSize": 130}
    return entry
