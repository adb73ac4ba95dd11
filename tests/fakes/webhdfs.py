"""HDFS over HTTP, as far as one example needs it: the name node and one data node, by WebHDFS's public REST interface.

Source: Apache Hadoop, "WebHDFS REST API". Whoever shows the delegation token may do everything.
"""

from __future__ import annotations

import hmac
import json
from http import HTTPStatus
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import quote

from tests.fakes.places import Answer, Place, Question

NAME_NODE = "/webhdfs/v1"
DATA_NODE = "/data/v1"


class WebHdfs(Place):
    """Its files, and how many came without the token."""

    def __init__(self, address: str, *, token: str) -> None:
        super().__init__(address)
        self._token = token
        self.files: dict[str, bytes] = {}
        self.folders = {"/"}
        self.refused = 0

    def answer(self, question: Question) -> Answer:
        if not hmac.compare_digest(question.query.get("delegation", "").encode(), self._token.encode()):
            self.refused += 1
            return _exception(HTTPStatus.UNAUTHORIZED, "SecurityException", "Failed to obtain user group information")
        if question.path.startswith(DATA_NODE):
            return self._data_node(question, question.path.removeprefix(DATA_NODE))
        return self._name_node(question, question.path.removeprefix(NAME_NODE))

    def _name_node(self, question: Question, path: str) -> Answer:
        match question.method, question.query.get("op", "").upper():
            case "PUT", "MKDIRS":
                self.folders |= {path, *map(str, PurePosixPath(path).parents)}
                return _json({"boolean": True})
            case ("PUT", "CREATE") | ("POST", "APPEND") | ("GET", "OPEN"):
                return self._to_data_node(question, path)
            case "GET", "GETFILESTATUS":
                return _json({"FileStatus": self._status(path, "")}) if self._has(path) else _not_found(path)
            case "GET", "LISTSTATUS":
                names = {one for one in (*self.files, *self.folders) if str(PurePosixPath(one).parent) == path != one}
                found = [self._status(one, PurePosixPath(one).name) for one in sorted(names)]
                return _json({"FileStatuses": {"FileStatus": found}})
        return _exception(HTTPStatus.BAD_REQUEST, "UnsupportedOperationException", question.query.get("op", ""))

    def _to_data_node(self, question: Question, path: str) -> Answer:
        if question.query["op"].upper() != "CREATE" and path not in self.files:
            return _not_found(path)
        asked = "&".join(f"{name}={quote(value)}" for name, value in question.query.items())
        return Answer(
            status=HTTPStatus.TEMPORARY_REDIRECT, headers={"Location": f"{self.url}{DATA_NODE}{quote(path)}?{asked}"}
        )

    def _data_node(self, question: Question, path: str) -> Answer:
        match question.query["op"].upper():
            case "CREATE":
                self.files[path] = question.body
                return Answer(status=HTTPStatus.CREATED)
            case "APPEND":
                self.files[path] += question.body
                return Answer()
        start = int(question.query.get("offset", "0"))
        length = int(question.query.get("length", len(self.files[path])))
        return Answer(body=self.files[path][start : start + length], content_type="application/octet-stream")

    def _has(self, path: str) -> bool:
        return path in self.files or path in self.folders

    def _status(self, path: str, name: str) -> dict[str, Any]:
        is_file = path in self.files
        return {
            "pathSuffix": name,
            "type": "FILE" if is_file else "DIRECTORY",
            "length": len(self.files[path]) if is_file else 0,
            "owner": "alice",
            "group": "studies",
            "permission": "644" if is_file else "755",
            "modificationTime": 1_700_000_000_000,
        }


def _json(found: object) -> Answer:
    return Answer(body=json.dumps(found).encode())


def _not_found(path: str) -> Answer:
    return _exception(HTTPStatus.NOT_FOUND, "FileNotFoundException", f"File does not exist: {path}")


def _exception(status: HTTPStatus, kind: str, text: str) -> Answer:
    found = {"RemoteException": {"exception": kind, "javaClassName": f"org.apache.hadoop.{kind}", "message": text}}
    return Answer(status=status, body=json.dumps(found).encode())
