"""A real HTTP server for tests, which fails in every way that servers do."""

from __future__ import annotations

import json
import socket
import threading
import time
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

KEY = "sk-secret-of-the-tests"


class ScriptedServer(ThreadingHTTPServer):
    """Answers requests as a protocol does, or as it is told to.

    Args:
        read: Reads a request, from its content and the type of the content.
        answer: The answer to a request, as JSON.
        port: 0 for a free one.

    Attributes:
        script: What to do with the next requests instead of answering, in order; see ``Handler.act``.
        always: What to do with all requests.
        requests: The requests received, as they came.
        times: When they came, in seconds.
        most: The most requests that were under way at a time.
        delay: Seconds that an answer takes.
        drained: How many answers of ``"drip"`` were waited for to the end.
    """

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, read, answer, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.read, self.answer, self.paths = read, answer, []
        self.script, self.always, self.requests, self.headers, self.times = [], None, [], [], []
        self.connections: list[socket.socket] = []
        self.lock, self.under_way, self.most, self.delay = threading.Lock(), 0, 0, 0.0
        self.drained = 0

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
        content = self.rfile.read(int(self.headers["Content-Length"]))
        body = server.read(content, self.headers["Content-Type"])
        with server.lock:
            server.requests.append(body)
            server.headers.append(dict(self.headers))
            server.paths.append(self.path)
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
            self.reply(200, self.server.answer(body))
        elif isinstance(action, int):
            self.reply(action, {"error": f"code {action}; your key is {self.headers.get('Authorization')}"})
        elif isinstance(action, tuple):
            self.reply(action[0], {"error": "later"}, {"Retry-After": str(action[1])})
        elif isinstance(action, float):
            time.sleep(action)
            self.reply(200, self.server.answer(body))
        elif action == "hang up":
            self.close_connection = True
        elif action == "break off":
            self.send_response(200)
            self.send_header("Content-Length", "10000")
            self.end_headers()
            self.wfile.write(b'{"')
            self.close_connection = True
        elif action == "drip":  # never quiet for long, and never done
            self.send_response(200)
            self.send_header("Content-Length", "10000")
            self.end_headers()
            with suppress(OSError):
                for _ in range(1000):
                    self.wfile.write(b" ")
                    time.sleep(0.03)
                self.server.drained += 1
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
def serving(read, answer, port: int = 0):
    server = ScriptedServer(read, answer, port)
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
