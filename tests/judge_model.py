"""A language model on loopback that grades papers as a test tells it to."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class JudgeModel(ThreadingHTTPServer):
    """Grades by title; keeps what it was asked."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Chat)
        self.requests: list[dict[str, Any]] = []
        self.keys: list[str | None] = []
        self.grade: Callable[[str], object] = lambda _title: 1
        self.why: Callable[[str], object] = lambda title: f"it is about {title[:40]}"
        self.write: Callable[[dict[str, Any]], str] = self.grades
        """Makes the model's text from what it was asked."""
        self.raw: bytes | None = None
        self.status = 200
        self.usage: object = None
        self.wait_s = 0.0
        self.drip_s = 0.0
        """Pause between two bytes of an answer without end."""

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v1"

    @property
    def asked(self) -> list[str]:
        """Titles it was asked about, in order."""
        return [paper["title"] for request in self.requests for paper in request["papers"]]

    def grades(self, request: dict[str, Any]) -> str:
        return json.dumps(
            {
                "grades": [
                    {
                        "id": paper["id"],
                        "grade": self.grade(paper["title"]),
                        "why": self.why(paper["title"]),
                    }
                    for paper in request["papers"]
                ]
            }
        )


class _Chat(BaseHTTPRequestHandler):
    server: JudgeModel

    def do_POST(self) -> None:
        model = self.server
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        request = json.loads(body["messages"][-1]["content"])
        model.keys.append(self.headers.get("Authorization"))
        model.requests.append(request)
        time.sleep(model.wait_s)
        message = {"role": "assistant", "content": model.write(request)}
        answer: dict[str, Any] = {"choices": [{"message": message}]}
        if model.usage is not None:
            answer["usage"] = model.usage
        content = json.dumps(answer).encode() if model.raw is None else model.raw
        try:
            self.send_response(model.status)
            self.end_headers()
            while model.drip_s:
                self.wfile.write(b" ")
                time.sleep(model.drip_s)
            self.wfile.write(content)
        except OSError:  # nobody waits for it any more
            self.close_connection = True

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def judge_model() -> Iterator[JudgeModel]:
    """Serve until the block ends."""
    with JudgeModel() as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield server
        server.shutdown()
