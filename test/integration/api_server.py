# SPDX-License-Identifier: Apache-2.0
"""An API server that says what a test tells it to, byte for byte, for a daemon that watches it.

Lists and watches of the four kinds that Phalanx reads; writes are taken and forgotten. What a real
API server does is tried in test/e2e; here are answers that no real one can be made to give at will.
"""

import json
import os
import queue
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from daemon import Daemon

KINDS = {
    "/api/v1/nodes": "nodes",
    "/api/v1/pods": "pods",
    "/apis/scheduling.x-k8s.io/v1alpha1/podgroups": "podgroups",
    "/apis/resource.k8s.io/v1/resourceslices": "resourceslices",
}


class ApiServer:
    """`lists` has the texts of the objects of each kind; say() sends a line to all who watch one."""

    def __init__(self):
        self.lists = {kind: [] for kind in KINDS.values()}
        self.watches = {kind: [] for kind in KINDS.values()}
        self.requests = []
        self.answers = {}  # kind: a function of the request's query that answers it, or None
        self.lock = threading.Lock()
        self.version = 100
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def do_GET(self):
                outer.get(self)

            def do_POST(self):
                self.rfile.read(int(self.headers.get("Content-Length", "0")))
                outer.whole(self, 201, "{}")

            do_PATCH = do_PUT = do_POST

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        for kind in self.watches:
            self.end(kind)
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server.server_port}"

    @staticmethod
    def whole(handler, status, text):
        body = text.encode("utf-8", "surrogateescape")
        handler.send_response(status)
        handler.send_header("Content-Type", "application/json")
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    def get(self, handler):
        path, _, query = handler.path.partition("?")
        kind = KINDS.get(path)
        with self.lock:
            self.requests.append(handler.path)
        if kind is None:
            self.whole(handler, 404, "{}")
            return
        answer = self.answers.get(kind)
        given = answer(query) if answer is not None else None
        if given is not None:
            self.whole(handler, *given)
        elif "sendInitialEvents=true" in query:
            self.whole(handler, 422, '{"message":"sendInitialEvents is forbidden"}')
        elif "watch=true" in query:
            self.watch(handler, kind)
        else:
            with self.lock:
                items = ",".join(self.lists[kind])
            head = f'{{"metadata":{{"resourceVersion":"{self.version}"}},"items":['
            self.whole(handler, 200, head + items + "]}")

    def watch(self, handler, kind):
        lines = queue.Queue()
        with self.lock:
            self.watches[kind].append(lines)
        handler.send_response(200)
        handler.send_header("Content-Type", "application/json")
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        try:
            while (line := lines.get()) is not None:
                data = line.encode("utf-8", "surrogateescape")
                handler.wfile.write(b"%x\r\n" % len(data) + data + b"\r\n")
                handler.wfile.flush()
            handler.wfile.write(b"0\r\n\r\n")
        except OSError:
            pass

    def say(self, kind, line):
        with self.lock:
            for lines in self.watches[kind]:
                lines.put(line + "\n")

    def end(self, kind):
        with self.lock:
            for lines in self.watches[kind]:
                lines.put(None)
            self.watches[kind] = []

    def asked(self, part):
        with self.lock:
            return sum(part in request for request in self.requests)

    def daemon(self, config=""):
        """A daemon whose API server this is; to be used as `with`."""
        return WatchingDaemon(self, config)


class WatchingDaemon(Daemon):
    def __init__(self, server, config):
        super().__init__([], config="apiVersion: phalanx.dev/v1alpha1\nkind: Configuration\n" + config)
        self.server = server

    def source(self):
        path = os.path.join(self.folder.name, "kubeconfig")
        with open(path, "w", encoding="utf-8") as file:
            json.dump({
                "current-context": "test",
                "contexts": [{"name": "test", "context": {"cluster": "test"}}],
                "clusters": [{"name": "test", "cluster": {"server": self.server.url}}],
            }, file)
        return ["--kubeconfig", path]

    def checks(self):
        """The lines of /readyz?verbose by the name of the check, and the status."""
        status, body = self.get("/readyz?verbose")
        lines = body.decode().splitlines()
        return status, {line[3:].split(" ")[0]: line for line in lines if line.startswith("[")}

    def metric(self, name):
        for line in self.get("/metrics")[1].decode().splitlines():
            if line.startswith(name + " "):
                return float(line.split(" ")[1])
        raise AssertionError(f"there is no {name}")
