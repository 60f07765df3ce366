"""A web server on loopback: files by path, with ranges, that may break off."""

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer


class Site:
    """``pages`` by path; ``breaks`` says after how many bytes an answer is cut, once."""

    def __init__(self) -> None:
        self.pages: dict[str, bytes] = {}
        self.headers: dict[str, str] = {}
        self.breaks: int | None = None
        self.takes_ranges = True
        self.asked: list[tuple[str, str | None]] = []
        self.url = ""


@contextmanager
def serve() -> Iterator[Site]:
    """A site that answers until the block ends."""
    site = Site()
    server = HTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"site": site}))
    site.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield site
    server.shutdown()
    server.server_close()


class _Handler(BaseHTTPRequestHandler):
    site: Site

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def _answer(self, body: bool) -> None:
        path, wanted = self.path.split("?")[0], self.headers.get("Range")
        self.site.asked.append((path, wanted))
        page = self.site.pages.get(path)
        if page is None:
            return self._missing()
        start = (
            int(wanted.removeprefix("bytes=").split("-")[0])
            if wanted and self.site.takes_ranges
            else 0
        )
        if start and start >= len(page):
            return self.send_error(416)
        self.send_response(206 if start else 200)
        tag = hashlib.sha256(page).hexdigest()
        for name, value in {
            "Content-Length": str(len(page) - start),
            "ETag": f'"{tag}"',
            **self.site.headers,
        }.items():
            self.send_header(name, value)
        self.end_headers()
        if body:
            cut, self.site.breaks = self.site.breaks, None
            self.wfile.write(page[start : start + cut] if cut is not None else page[start:])

    def _missing(self) -> None:
        self.send_response(404)
        self.send_header("X-Error-Code", "EntryNotFound")  # as the Hugging Face hub says it
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass
