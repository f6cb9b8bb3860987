"""A chat server that speaks enough of the OpenAI protocol to be asked, and to fail in every way that servers do."""

from __future__ import annotations

import base64
import io
import json
import math
import socket
import threading
import time
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
from PIL import Image

KEY = "sk-secret-of-the-tests"


class ChatServer(ThreadingHTTPServer):
    """Answers yes with the share of pixels that differ between the pictures it is sent, in either form of reply.

    Attributes:
        script: What to do with the next requests instead of answering, in order; see ``Handler.act``.
        always: What to do with all requests.
        requests: The requests received, as they came.
        times: When they came, in seconds.
        most: The most requests that were under way at a time.
        delay: Seconds that an answer takes.
    """

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.script, self.always, self.requests, self.headers, self.times = [], None, [], [], []
        self.connections: list[socket.socket] = []
        self.lock, self.under_way, self.most, self.delay = threading.Lock(), 0, 0, 0.0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/v1"

    def handle_error(self, request, client_address):
        pass  # clients that hang up are part of the tests


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def setup(self):
        super().setup()
        self.server.connections.append(self.connection)

    def log_message(self, *arguments):
        pass

    def do_POST(self):
        server = self.server
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with server.lock:
            server.requests.append(body)
            server.headers.append(dict(self.headers))
            server.times.append(time.monotonic())
            server.under_way += 1
            server.most = max(server.most, server.under_way)
            action = server.script.pop(0) if server.script else server.always
        try:
            time.sleep(server.delay)
            self.act(action, body)
        finally:
            with server.lock:
                server.under_way -= 1

    def act(self, action, body):
        if action is None:
            self.reply(200, completion(body))
        elif isinstance(action, int):
            self.reply(action, {"error": f"code {action}; your key is {self.headers.get('Authorization')}"})
        elif isinstance(action, tuple):
            self.reply(action[0], {"error": "later"}, {"Retry-After": str(action[1])})
        elif isinstance(action, float):
            time.sleep(action)
            self.reply(200, completion(body))
        elif action == "hang up":
            self.close_connection = True
        elif action == "break off":
            self.send_response(200)
            self.send_header("Content-Length", "10000")
            self.end_headers()
            self.wfile.write(b'{"choices": [')
            self.close_connection = True
        elif action == "drip":  # never quiet for long, and never done
            self.send_response(200)
            self.send_header("Content-Length", "10000")
            self.end_headers()
            with suppress(OSError):
                for _ in range(100):
                    self.wfile.write(b" ")
                    time.sleep(0.03)
            self.close_connection = True
        elif action == "no json":
            self.send_raw(200, b"<html>gateway</html>")
        else:
            self.reply(200, action(body))

    def reply(self, status, body, headers=None):
        self.send_raw(status, json.dumps(body).encode(), headers)

    def send_raw(self, status, content, headers=None):
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


@contextmanager
def serving(port: int = 0):
    server = ChatServer(port)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        for connection in server.connections:  # threads would go on serving them
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        thread.join()


def pictures_of(body) -> list[np.ndarray]:
    """The pictures of a request."""
    found = []
    for part in body["messages"][1]["content"]:
        if part["type"] == "image_url":
            head, _, data = part["image_url"]["url"].partition(",")
            assert head == "data:image/png;base64"
            found.append(np.asarray(Image.open(io.BytesIO(base64.b64decode(data)))))
    return found


def truth_of(body) -> float:
    """What this server answers: the share of pixels that differ, and 0.875 about a single picture."""
    pictures = pictures_of(body)
    return 0.875 if len(pictures) < 2 else float((pictures[0] != pictures[1]).any(-1).mean())


def completion(body, text=None, finish="stop"):
    """The server's answer to a request."""
    value = truth_of(body)
    choice = {"index": 0, "finish_reason": finish, "message": {"role": "assistant", "content": text}}
    if body.get("logprobs"):
        tokens = [("Yes", 0.9 * value), (" no", 0.9 * (1 - value)), ("Maybe", 0.1)]
        if "digit" in body["messages"][1]["content"][-1]["text"]:
            tokens = [("9", 0.9 * value), ("0", 0.9 * (1 - value)), ("Maybe", 0.1)]
        tops = [{"token": token, "logprob": math.log(p) if p else -9999.0} for token, p in tokens]
        choice["logprobs"] = {"content": [{"token": tops[0]["token"], "logprob": -0.1, "top_logprobs": tops}]}
        choice["message"]["content"] = tops[0]["token"]
    elif text is None:
        answers = body["response_format"]["json_schema"]["schema"]["properties"]["answers"]
        one = round(9 * value) if answers["items"]["type"] == "integer" else value
        choice["message"]["content"] = json.dumps({"answers": [one] * answers["minItems"]})
    return {"choices": [choice], "usage": {"total_tokens": 100}}


def said(text, finish="stop"):
    """An action that answers with this text."""
    return lambda body: completion(body, text, finish)
