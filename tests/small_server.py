"""A real HTTP server on this machine that speaks the chat protocol as far as a test plays it."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Play = Callable[[dict[str, Any]], "int | list[Any]"]
"""A request's body to an error's status, or to pieces of a reply; `None` among them: the connection is cut there."""


class Server:
    """Answers as told, and keeps what it was asked."""

    def __init__(self) -> None:
        self.bodies: list[dict[str, Any]] = []
        self.play: Play = lambda _: ["Hi", " there."]
        self.keys: list[str | None] = []
        self.headers: dict[str, str] = {}
        self.error = "no"
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                outer.bodies.append(body)
                outer.keys.append(self.headers.get("Authorization"))
                pieces = outer.play(body)
                if isinstance(pieces, int):
                    self.send_response(pieces)
                    for name, value in outer.headers.items():
                        self.send_header(name, value)
                    self.end_headers()
                    self.wfile.write(json.dumps({"error": {"message": outer.error}}).encode())
                    return
                self.send_response(200)
                self.send_header("Content-Type", "text/event-stream")
                self.end_headers()
                for piece in pieces:
                    if piece is None:
                        return
                    self._event({"delta": {"content": piece}, "index": 0, "finish_reason": None})
                self._event({"delta": {}, "index": 0, "finish_reason": "stop"})
                self._write({"choices": [], "usage": {"prompt_tokens": 7, "completion_tokens": 2, "total_tokens": 9}})
                self.wfile.write(b"data: [DONE]\n\n")

            def _event(self, choice: dict[str, Any]) -> None:
                self._write({"choices": [choice]})

            def _write(self, value: dict[str, Any]) -> None:
                whole = {"id": "x", "object": "chat.completion.chunk", "created": 1, "model": "m", **value}
                self.wfile.write(b"data: " + json.dumps(whole).encode() + b"\n\n")

            def log_message(self, *_: object) -> None:
                """Quiet."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/v1"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True)
        self.thread.start()

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()
