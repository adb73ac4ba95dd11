"""A git server over HTTPS on the node's address: git's own `http-backend`, for whoever knows the token.

with git_server(tmp_path, user="alice", token="…") as server:
    ...                              # push to server.url, and trust server.authority
    server.subjects("main")
"""

from __future__ import annotations

import base64
import hmac
import os
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from deploy.cluster.layout import NODE_ADDRESS
from deploy.cluster.programs import run_program

PATIENCE_SECONDS = 60.0
REPOSITORY = "work.git"


class GitServer(ThreadingHTTPServer):
    """One bare repository. What it was asked without the token, it counts."""

    daemon_threads = True

    def __init__(self, folder: Path, *, user: str, token: str) -> None:
        """`folder` is made; it gets the repository and the certificate with its key."""
        folder.mkdir()
        self.projects = folder / "projects"
        self.env = {"PATH": os.environ["PATH"], "HOME": str(folder), "GIT_CONFIG_NOSYSTEM": "1"}
        self.user = user
        self.refused = 0
        self._expected = "Basic " + base64.b64encode(f"{user}:{token}".encode()).decode()
        self._git("init", "--quiet", "--bare", "--initial-branch=main", self.projects / REPOSITORY)
        self.backend = Path(self._git("--exec-path").strip()) / "git-http-backend"
        self.authority = _certificate(folder)
        super().__init__((NODE_ADDRESS, 0), _Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(folder / "server.pem", folder / "server.key")
        # The handshake is the handler's: nobody who is slow with theirs keeps others from being accepted.
        self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)

    @property
    def host(self) -> str:
        """As a credential names it."""
        return f"{NODE_ADDRESS}:{self.server_address[1]}"

    @property
    def url(self) -> str:
        """Of the repository."""
        return f"https://{self.host}/{REPOSITORY}"

    def is_right(self, shown: str) -> bool:
        """Whether this header has user and token."""
        return hmac.compare_digest(shown.encode(), self._expected.encode())

    def subjects(self, branch: str) -> list[str]:
        """Of the commits that were pushed, the last first."""
        return self._git("--git-dir", self.projects / REPOSITORY, "log", "--format=%s", branch).splitlines()

    def _git(self, *words: str | Path) -> str:
        return run_program("git", *words, env=self.env)


@contextmanager
def git_server(folder: Path, *, user: str, token: str) -> Iterator[GitServer]:
    """For the time of a test."""
    with GitServer(folder, user=user, token=token) as server:
        serving = threading.Thread(target=server.serve_forever)
        serving.start()
        try:
            yield server
        finally:
            server.shutdown()
            serving.join()


class _Handler(BaseHTTPRequestHandler):
    """A request becomes a call of git's CGI program."""

    server: GitServer
    timeout = PATIENCE_SECONDS

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as the base class names it
        """What git says itself is enough."""

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if not self.server.is_right(self.headers.get("Authorization", "")):
            self.server.refused += 1
            self.send_response(HTTPStatus.UNAUTHORIZED)
            self.send_header("WWW-Authenticate", 'Basic realm="git"')
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        path, _, query = self.path.partition("?")
        env = {
            **self.server.env,
            "GIT_PROJECT_ROOT": str(self.server.projects),
            "GIT_HTTP_EXPORT_ALL": "1",
            "REQUEST_METHOD": self.command,
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(len(body)),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
            "REMOTE_USER": self.server.user,
            "REMOTE_ADDR": str(self.client_address[0]),
        }
        done = subprocess.run([self.server.backend], input=body, env=env, capture_output=True, check=False)
        head, _, content = done.stdout.partition(b"\r\n\r\n")
        fields = dict(line.split(": ", 1) for line in head.decode().split("\r\n") if ": " in line)
        self.send_response(int(fields.pop("Status", "200").split()[0]))
        for name, value in fields.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


def _certificate(folder: Path) -> str:
    """Its own authority, for the node's address; what a client is to trust."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "git server of a test")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address(NODE_ADDRESS))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    plain, pkcs8 = serialization.NoEncryption(), serialization.PrivateFormat.PKCS8
    (folder / "server.key").write_bytes(key.private_bytes(serialization.Encoding.PEM, pkcs8, plain))
    text = certificate.public_bytes(serialization.Encoding.PEM)
    (folder / "server.pem").write_bytes(text)
    return text.decode()
