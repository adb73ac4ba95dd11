"""What a credential looks like to programs: variables and files, rendered from its value."""

from __future__ import annotations

import base64
import configparser
import json
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, urlsplit

from hub.credentials.credential import Content, Purpose
from hub.credentials.errors import CredentialRefused
from hub.credentials.ssh_keys import new_ssh_key, read_ssh_key
from spawner.credentials import CredentialKind

if TYPE_CHECKING:
    from collections.abc import Mapping

INDEX_FILES: Final[Mapping[str, str]] = {"pip": "~/.config/pip/pip.conf", "npm": "~/.npmrc", "conda": "~/.condarc"}
"""Where each tool looks by itself."""

AWS_FILE: Final = "~/.aws/credentials"
GCP_FILE: Final = "~/.config/gcloud/application_default_credentials.json"
AZURE_VARIABLES: Final[Mapping[str, str]] = {
    "clientId": "AZURE_CLIENT_ID",
    "tenantId": "AZURE_TENANT_ID",
    "clientSecret": "AZURE_CLIENT_SECRET",
}
"""Azure's clients look at variables; the keys are those that `az ad sp create-for-rbac --json-auth` prints."""


def render(name: str, purpose: Purpose, value: str) -> Content:
    """What the credential puts into a workspace. Raises CredentialRefused where the value is not of its kind."""
    match purpose.kind:
        case CredentialKind.ENV:
            return Content(env={purpose.variable: value})
        case CredentialKind.FILE:
            return Content(files={purpose.path: value})
        case CredentialKind.GIT:
            return Content(files={f"git/{name}": f"{_with_user('https://' + purpose.host, purpose.user, value)}\n"})
        case CredentialKind.SSH_KEY:
            return _ssh(name, value)
        case CredentialKind.PACKAGE_INDEX:
            return Content(files={INDEX_FILES[purpose.tool]: _index_file(purpose, value)})
        case CredentialKind.CLOUD:
            return _cloud(purpose.tool, value)


def _ssh(name: str, value: str) -> Content:
    comment = f"studiolo-{name}"
    key = read_ssh_key(value, comment) if value else new_ssh_key(comment)
    if isinstance(key, str):
        raise CredentialRefused((key,))
    return Content(
        files={f"ssh/{name}": key.private, f"ssh/{name}.pub": f"{key.public}\n"},
        public_key=key.public,
        fingerprint=key.fingerprint,
    )


def _index_file(purpose: Purpose, token: str) -> str:
    if purpose.tool == "pip":
        parts = urlsplit(purpose.url)
        # Without this pip leaves an index out that it asks by plain HTTP, and says so in a warning alone.
        trusted = f"trusted-host = {parts.netloc}\n" if parts.scheme == "http" else ""
        return f"[global]\nindex-url = {_with_user(purpose.url, purpose.user or '__token__', token)}\n{trusted}"
    if purpose.tool == "conda":
        return f"channels:\n  - {json.dumps(_with_user(purpose.url, purpose.user or 'token', token))}\n"
    url = purpose.url.rstrip("/") + "/"
    place = f"//{url.partition('//')[2]}"
    if purpose.user:
        login = base64.b64encode(f"{purpose.user}:{token}".encode()).decode()
        return f"registry={url}\n{place}:_auth={login}\n"
    return f"registry={url}\n{place}:_authToken={token}\n"


def _cloud(provider: str, value: str) -> Content:
    if provider == "aws":
        if not _is_aws(value):
            raise CredentialRefused(
                ("value: not as ~/.aws/credentials: [default], aws_access_key_id = …, aws_secret_access_key = ….",)
            )
        return Content(files={AWS_FILE: value})
    found = _json_object(value)
    if provider == "gcp":
        if not isinstance(found.get("type"), str):
            raise CredentialRefused(("value: not the JSON file that Google gives for an account: it has a type.",))
        return Content(files={GCP_FILE: value})
    if not all(isinstance(found.get(key), str) and found[key] for key in AZURE_VARIABLES):
        raise CredentialRefused((f"value: not JSON with {', '.join(AZURE_VARIABLES)}.",))
    return Content(env={variable: str(found[key]) for key, variable in AZURE_VARIABLES.items()})


def _is_aws(text: str) -> bool:
    parser = configparser.RawConfigParser()
    try:
        parser.read_string(text)
    except configparser.Error:
        return False
    return any(parser.has_option(section, "aws_access_key_id") for section in parser.sections())


def _json_object(text: str) -> dict[str, object]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _with_user(url: str, user: str, token: str) -> str:
    parts = urlsplit(url)
    return parts._replace(netloc=f"{quote(user, safe='')}:{quote(token, safe='')}@{parts.netloc}").geturl()
