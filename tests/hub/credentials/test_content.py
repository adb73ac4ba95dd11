"""What programs find of a credential, and what is no value of its kind."""

from __future__ import annotations

import base64
import configparser
import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from cryptography.hazmat.primitives.asymmetric import dsa, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from hub.credentials.content import render
from hub.credentials.credential import Purpose
from hub.credentials.errors import CredentialRefused
from spawner.credentials import CredentialKind
from tests.fakes.package_registry import PACKAGE, PackageRegistry

CANARY = "canary/5%:@# ?"


def test_a_variable_has_its_value() -> None:
    purpose = Purpose(kind=CredentialKind.ENV, variable="HF_TOKEN")
    assert render("hf", purpose, CANARY).env == {"HF_TOKEN": CANARY}


def test_a_git_token_is_a_line_of_gits_own_credential_store(tmp_path: Path) -> None:
    purpose = Purpose(kind=CredentialKind.GIT, host="git.example.org:8443", user="a@b")
    [(path, text)] = render("work", purpose, CANARY).files.items()
    assert path == "git/work"
    git = shutil.which("git")
    assert git is not None
    (tmp_path / "kept").write_text(text)
    answer = subprocess.run(
        [git, "credential-store", "--file", str(tmp_path / "kept"), "get"],
        input="protocol=https\nhost=git.example.org:8443\n\n",
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert answer == f"username=a@b\npassword={CANARY}\n"


def test_a_pip_index_is_what_pip_reads() -> None:
    purpose = Purpose(kind=CredentialKind.PACKAGE_INDEX, tool="pip", url="https://x.example.org/simple/")
    [(path, text)] = render("x", purpose, CANARY).files.items()
    assert path == "~/.config/pip/pip.conf"
    parser = configparser.RawConfigParser()  # as pip does
    parser.read_string(text)
    address = parser.get("global", "index-url")
    assert address == "https://__token__:canary%2F5%25%3A%40%23%20%3F@x.example.org/simple/"


def test_a_pip_index_without_tls_is_one_that_pip_does_not_leave_out() -> None:
    purpose = Purpose(kind=CredentialKind.PACKAGE_INDEX, tool="pip", url="http://packages.internal:3141/simple/")
    [text] = render("x", purpose, "t0").files.values()
    parser = configparser.RawConfigParser()
    parser.read_string(text)
    assert parser.get("global", "trusted-host") == "packages.internal:3141"
    assert parser.get("global", "index-url") == "http://__token__:t0@packages.internal:3141/simple/"


def test_an_npm_registry_is_what_npm_reads() -> None:
    url = "https://x.example.org/npm"
    token = Purpose(kind=CredentialKind.PACKAGE_INDEX, tool="npm", url=url)
    assert render("x", token, "t0").files == {
        "~/.npmrc": "registry=https://x.example.org/npm/\n//x.example.org/npm/:_authToken=t0\n"
    }
    login = Purpose(kind=CredentialKind.PACKAGE_INDEX, tool="npm", url=url, user="alice")
    encoded = base64.b64encode(b"alice:t0").decode()
    assert f":_auth={encoded}\n" in render("x", login, "t0").files["~/.npmrc"]


@pytest.mark.parametrize("user", ["", "alice"])
def test_npm_itself_installs_what_only_the_token_opens(user: str, tmp_path: Path) -> None:
    npm = shutil.which("npm")
    assert npm is not None, "make up needs Node.js, which brings npm"
    env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "NPM_CONFIG_USERCONFIG": str(tmp_path / "npmrc")}
    install = (npm, "install", "--no-audit", "--no-fund", "--fetch-retries=0", PACKAGE)
    with PackageRegistry("127.0.0.1", user=user, token="canary-of-npm").serving() as registry:
        url = f"{registry.url}/npm/"
        (tmp_path / "npmrc").write_text(f"registry={url}\n")
        refused = subprocess.run(install, cwd=tmp_path, env=env, capture_output=True, text=True, check=False)
        assert refused.returncode
        assert "E401" in refused.stderr
        purpose = Purpose(kind=CredentialKind.PACKAGE_INDEX, tool="npm", url=url, user=user)
        (tmp_path / "npmrc").write_text(render("x", purpose, "canary-of-npm").files["~/.npmrc"])
        subprocess.run(install, cwd=tmp_path, env=env, capture_output=True, check=True)
    assert json.loads((tmp_path / "node_modules" / PACKAGE / "package.json").read_text())["version"] == "1.0.0"
    assert "npm install" in registry.arguments
    assert "canary-of-npm" not in registry.arguments


def test_a_conda_channel_is_what_conda_reads() -> None:
    purpose = Purpose(kind=CredentialKind.PACKAGE_INDEX, tool="conda", url="https://x.example.org/c", user="alice")
    text = render("x", purpose, "t'\"0").files["~/.condarc"]
    assert yaml.safe_load(text) == {"channels": ["https://alice:t%27%220@x.example.org/c"]}


def test_cloud_profiles_lie_where_their_clients_look() -> None:
    aws = "[default]\naws_access_key_id = A\naws_secret_access_key = B\n"
    assert render("c", Purpose(kind=CredentialKind.CLOUD, tool="aws"), aws).files == {"~/.aws/credentials": aws}
    gcp = json.dumps({"type": "service_account", "private_key": "x"})
    found = render("c", Purpose(kind=CredentialKind.CLOUD, tool="gcp"), gcp).files
    assert found == {"~/.config/gcloud/application_default_credentials.json": gcp}
    azure = json.dumps({"clientId": "c", "tenantId": "t", "clientSecret": "s", "more": 1})
    assert render("c", Purpose(kind=CredentialKind.CLOUD, tool="azure"), azure).env == {
        "AZURE_CLIENT_ID": "c",
        "AZURE_TENANT_ID": "t",
        "AZURE_CLIENT_SECRET": "s",
    }


@pytest.mark.parametrize("tool", ["aws", "gcp", "azure"])
@pytest.mark.parametrize("value", [CANARY, f"[{CANARY}", "[]", f'{{"type": 1, "x": "{CANARY}"}}', "{" * 5000])
def test_what_is_no_cloud_profile_is_refused_and_not_repeated(tool: str, value: str) -> None:
    with pytest.raises(CredentialRefused) as refused:
        render("c", Purpose(kind=CredentialKind.CLOUD, tool=tool), value)
    assert "canary" not in str(refused.value)
    assert refused.value.__cause__ is refused.value.__context__ is None


def ssh(value: str = "") -> tuple[str, str, str]:
    content = render("key", Purpose(kind=CredentialKind.SSH_KEY), value)
    assert content.files["ssh/key.pub"] == f"{content.public_key}\n"
    assert "PRIVATE" not in repr(content)
    return content.files["ssh/key"], content.public_key, content.fingerprint


def test_an_ssh_key_is_made_new_each_time_and_its_halves_fit(tmp_path: Path) -> None:
    private, public, fingerprint = ssh()
    assert ssh()[1] != public
    assert public.startswith("ssh-ed25519 ")
    assert public.endswith(" studiolo-key")
    assert ssh(private)[1:] == (public, fingerprint)
    assert fingerprint.startswith("SHA256:")
    keygen = shutil.which("ssh-keygen")
    if keygen is not None:  # the reference, where it is installed
        (tmp_path / "key").write_text(private)
        (tmp_path / "key").chmod(0o600)
        answer = subprocess.run([keygen, "-y", "-f", tmp_path / "key"], capture_output=True, text=True, check=True)
        assert answer.stdout.split()[:2] == public.split()[:2]


def test_a_key_that_somebody_brings_is_read_in_each_usual_form() -> None:
    key = rsa.generate_private_key(65537, 2048)
    found = {
        ssh(key.private_bytes(Encoding.PEM, form, NoEncryption()).decode() + "\n\n")[2]
        for form in (PrivateFormat.OpenSSH, PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL)
    }
    assert len(found) == 1


def pem(key: object, form: PrivateFormat = PrivateFormat.OpenSSH, *, password: bytes = b"") -> str:
    encryption = BestAvailableEncryption(password) if password else NoEncryption()
    return key.private_bytes(Encoding.PEM, form, encryption).decode()  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        pytest.param(CANARY, "no private key", id="no key"),
        pytest.param(
            pem(ed25519.Ed25519PrivateKey.generate(), PrivateFormat.PKCS8, password=b"x"),
            "passphrase",
            id="a passphrase",
        ),
        pytest.param(pem(rsa.generate_private_key(65537, 1024)), "2048", id="a short key"),
        pytest.param(pem(dsa.generate_private_key(1024), PrivateFormat.PKCS8), "Ed25519", id="an old kind"),
        pytest.param(pem(ed25519.Ed25519PrivateKey.generate())[:-80], "no private key", id="half a key"),
    ],
)
def test_a_key_that_could_not_be_used_is_refused_with_the_reason(text: str, why: str) -> None:
    with pytest.raises(CredentialRefused, match=why) as refused:
        ssh(text)
    assert refused.value.__cause__ is refused.value.__context__ is None
