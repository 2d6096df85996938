"""A stand-in for OpenSearch, where DIRAC keeps the parameters of jobs: documents in memory, by index and id.

It is the one piece of the server that is not real: OpenSearch is in no package index.
"""

from __future__ import annotations

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

DOCUMENTS: dict[str, dict[str, dict[str, Any]]] = {}


class Handler(BaseHTTPRequestHandler):
    """Answers as OpenSearch 2 does, as far as DIRAC asks."""

    protocol_version = "HTTP/1.1"

    def answer(self, code: int, body: Any) -> None:
        """Send an answer."""
        content = json.dumps(body).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def handle_any(self) -> None:
        """Do what a request asks for."""
        asked = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        index, _, rest = self.path.partition("?")[0].strip("/").partition("/")
        body = json.loads(asked) if asked.startswith(b"{") and "_bulk" not in self.path else {}
        action, _, name = rest.partition("/")
        if not index:
            version = {"number": "2.11.0", "distribution": "opensearch", "build_flavor": "default"}
            self.answer(200, {"cluster_name": "tests", "version": version, "tagline": "stand-in"})
        elif index.startswith("_"):
            self.answer(200, {"acknowledged": True})
        elif action in {"_doc", "_update", "_create"}:
            self.document(index, action, name, body)
        elif action in {"_search", "_mget"}:
            self.found(index, body)
        elif self.command == "HEAD":
            self.answer(200 if index in DOCUMENTS else 404, {})
        else:
            DOCUMENTS.setdefault(index, {})
            self.answer(200, {"acknowledged": True, "index": index})

    def document(self, index: str, action: str, name: str, body: dict[str, Any]) -> None:
        """Get or change one document."""
        held = DOCUMENTS.setdefault(index, {})
        if self.command in {"GET", "HEAD"}:
            found = {"_index": index, "_id": name, "found": name in held, "_source": held.get(name)}
            self.answer(200 if name in held else 404, found)
            return
        if action == "_update" and name not in held and "upsert" not in body and not body.get("doc_as_upsert"):
            self.answer(404, {"error": {"type": "document_missing_exception"}, "status": 404})
            return
        held[name] = held.get(name, {}) | body.get("doc", body) if action == "_update" else body
        self.answer(200, {"_index": index, "_id": name, "result": "updated", "_version": 1})

    def found(self, index: str, body: dict[str, Any]) -> None:
        """All documents of an index: there are few."""
        del body
        held = [
            {"_index": place, "_id": name, "_score": 1.0, "_source": one}
            for place, documents in DOCUMENTS.items()
            if place.startswith(index.split("*", maxsplit=1)[0])
            for name, one in documents.items()
        ]
        hits = {"total": {"value": len(held), "relation": "eq"}, "max_score": 1.0, "hits": held}
        self.answer(200, {"took": 1, "timed_out": False, "_shards": {"total": 1, "failed": 0}, "hits": hits})

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = handle_any  # noqa: N815 - names that the server looks for

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - its parent's name
        """Say nothing."""


if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
