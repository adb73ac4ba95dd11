"""Git servers on the node's address: git's own `http-backend` for whoever knows the token, and a real sshd.

with git_server(tmp_path / "https", user="alice", token="…") as server:
    ...                              # push to server.url, and trust server.authority
    server.subjects("main")

with ssh_git_server(tmp_path / "ssh") as server:
    server.let_in("ssh-ed25519 AAAA…")
    ...                              # push to server.url
"""

from __future__ import annotations

import base64
import getpass
import hmac
import os
import socket
import ssl
import subprocess
import threading
import time
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
from deploy.local.ports import free_port

PATIENCE_SECONDS = 60.0
REPOSITORY = "work.git"
SSHD = "/usr/sbin/sshd"


class Repository:
    """A bare one, and what was pushed to it."""

    def __init__(self, folder: Path) -> None:
        """`folder` is made, with the repository below it."""
        folder.mkdir()
        self.projects = folder / "projects"
        self.env = {"PATH": os.environ["PATH"], "HOME": str(folder), "GIT_CONFIG_NOSYSTEM": "1"}
        self.git("init", "--quiet", "--bare", "--initial-branch=main", self.path)

    @property
    def path(self) -> Path:
        """Of the repository itself."""
        return self.projects / REPOSITORY

    def subjects(self, branch: str) -> list[str]:
        """Of the commits that were pushed, the last first."""
        return self.git("--git-dir", self.path, "log", "--format=%s", branch).splitlines()

    def files(self, branch: str) -> list[str]:
        """Their paths, as the last commit has them."""
        return self.git("--git-dir", self.path, "ls-tree", "-r", "--name-only", branch).splitlines()

    def text(self, branch: str, path: str) -> str:
        """What a file of the last commit holds."""
        return self.git("--git-dir", self.path, "show", f"{branch}:{path}")

    def has(self, branch: str) -> bool:
        """Whether anybody has pushed it."""
        return bool(self.git("--git-dir", self.path, "branch", "--list", branch).strip())

    def git(self, *words: str | Path) -> str:
        """What git says on the server."""
        return run_program("git", *words, env=self.env)


class GitServer(ThreadingHTTPServer):
    """One bare repository. What it was asked without the token, it counts."""

    daemon_threads = True

    def __init__(self, folder: Path, *, user: str, token: str, address: str) -> None:
        """`folder` is made; it gets the repository and the certificate with its key."""
        self.repository = Repository(folder)
        self.subjects = self.repository.subjects
        self.user = user
        self.refused = 0
        self._expected = "Basic " + base64.b64encode(f"{user}:{token}".encode()).decode()
        self.backend = Path(self.repository.git("--exec-path").strip()) / "git-http-backend"
        self.authority = new_certificate(folder, address)
        super().__init__((address, 0), _Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(folder / "server.pem", folder / "server.key")
        # The handshake is the handler's: nobody who is slow with theirs keeps others from being accepted.
        self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)

    @property
    def host(self) -> str:
        """As a credential names it."""
        return "{}:{}".format(*self.server_address)

    @property
    def url(self) -> str:
        """Of the repository."""
        return f"https://{self.host}/{REPOSITORY}"

    def is_right(self, shown: str) -> bool:
        """Whether this header has user and token."""
        return hmac.compare_digest(shown.encode(), self._expected.encode())


@contextmanager
def git_server(folder: Path, *, user: str, token: str, address: str = NODE_ADDRESS) -> Iterator[GitServer]:
    """For the time of a test."""
    with GitServer(folder, user=user, token=token, address=address) as server:
        serving = threading.Thread(target=server.serve_forever)
        serving.start()
        try:
            yield server
        finally:
            server.shutdown()
            serving.join()


class SshGitServer:
    """One bare repository behind OpenSSH's own server, which lets git in and nothing else (`git-shell`)."""

    def __init__(self, folder: Path, *, address: str = NODE_ADDRESS) -> None:
        """`folder` is made; it gets the repository, the host's key, and who is let in."""
        self.address = address
        self.repository = Repository(folder)
        self.subjects = self.repository.subjects
        self.user = getpass.getuser()
        self.port = free_port()
        self.log = folder / "sshd.log"
        self._keys = folder / "authorized_keys"
        self._keys.touch(mode=0o600)
        run_program("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / "host_key")
        self.config = folder / "sshd_config"
        self.config.write_text(
            f"ListenAddress {address}:{self.port}\n"
            f"HostKey {folder / 'host_key'}\n"
            f"AuthorizedKeysFile {self._keys}\n"
            f"AllowUsers {self.user}\n"
            "PermitRootLogin prohibit-password\n"
            'ForceCommand git-shell -c "$SSH_ORIGINAL_COMMAND"\n'
            "AuthenticationMethods publickey\n"
            "DisableForwarding yes\n"
            "StrictModes no\n"  # the folder of a test may lie below one that everybody may write
            "UsePAM no\n"
            "PidFile none\n"
            "LogLevel VERBOSE\n"
        )

    @property
    def host(self) -> str:
        """Address and port."""
        return f"{self.address}:{self.port}"

    @property
    def url(self) -> str:
        """Of the repository."""
        return f"ssh://{self.user}@{self.host}{self.repository.path}"

    def let_in(self, public_key: str) -> None:
        """Whoever has the private half, from now on; nobody else."""
        self._keys.write_text(f"{public_key.strip()}\n")

    def has_let_in(self, fingerprint: str) -> bool:
        """Whether somebody came with this key."""
        return any("Accepted publickey" in line and fingerprint in line for line in self.log.read_text().splitlines())


@contextmanager
def ssh_git_server(folder: Path, *, address: str = NODE_ADDRESS) -> Iterator[SshGitServer]:
    """For the time of a test. Nobody is let in until `let_in`."""
    server = SshGitServer(folder, address=address)
    # Debian's package leaves it to the machine's start.
    Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    with subprocess.Popen((SSHD, "-D", "-f", server.config, "-E", server.log)) as process:
        try:
            _until_it_listens(server, process)
            yield server
        finally:
            process.terminate()


def _until_it_listens(server: SshGitServer, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        assert process.poll() is None, server.log.read_text()
        try:
            socket.create_connection((server.address, server.port), timeout=1).close()
        except OSError:
            assert time.monotonic() < deadline, server.log.read_text()
            time.sleep(0.1)  # nothing tells when it listens
        else:
            return


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
            **self.server.repository.env,
            "GIT_PROJECT_ROOT": str(self.server.repository.projects),
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


def new_certificate(folder: Path, address: str = NODE_ADDRESS) -> str:
    """Its own authority, for this address; what a client is to trust. With its key below the folder."""
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
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address(address))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    plain, pkcs8 = serialization.NoEncryption(), serialization.PrivateFormat.PKCS8
    (folder / "server.key").write_bytes(key.private_bytes(serialization.Encoding.PEM, pkcs8, plain))
    text = certificate.public_bytes(serialization.Encoding.PEM)
    (folder / "server.pem").write_bytes(text)
    return text.decode()
