"""The real clients of people's credentials, in real pods: each works where the credential is, and nowhere else."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from deploy.cluster.errors import ProgramFailedError
from deploy.cluster.layout import NODE_ADDRESS
from hub.credentials.content import render
from hub.credentials.credential import Purpose
from spawner.credentials import CredentialKind
from tests.cluster.clients_at_work import (
    AUTHORITY,
    INSTALL,
    LIBRARIES,
    LOCK,
    PIP,
    WITH,
    WITHOUT,
    ClientsAtWork,
    clients_at_work,
)
from tests.cluster.conftest import run_apart
from tests.cluster.kube import connect
from tests.cluster.namespaces import create_namespace
from tests.cluster.pods import RESTRICTED
from tests.docs.test_documentation import blocks
from tests.fakes.cloud_sign_in import AZURE_TOKEN, GOOGLE_TOKEN
from tests.fakes.package_registry import ANSWER, MODULE, PACKAGE, PackageRegistry
from tests.git_work import push_from_notebook, push_from_terminal
from tests.kernels import Kernel

S3, HDFS = (text for path, text in blocks("python") if path == "docs/object-storage.md")

INSTALL_ONE = ("sh", "-c", f'{PIP} "$@"', "pip", "install", "--no-input", "--no-compile")

GOOGLE = """
import google.auth
from google.auth.transport.requests import Request
account, project = google.auth.default(scopes=["https://www.googleapis.com/auth/devstorage.read_only"])
account.refresh(Request())
print(project, account.token)
"""

AZURE = """
from azure.identity import EnvironmentCredential
print(EnvironmentCredential(disable_instance_discovery=True).get_token("https://storage.azure.com/.default").token)
"""


@pytest.fixture(scope="module")
def work(
    tmp_path_factory: pytest.TempPathFactory,
    kubeconfig: Path,
    images: Mapping[str, str],
    on_this_machine: None,
    _remove_namespaces: None,
) -> Iterator[ClientsAtWork]:
    async def make() -> str:
        async with connect(kubeconfig) as kube:
            return await create_namespace(kube, f"clients-{secrets.token_hex(3)}", labels=RESTRICTED)

    folder = tmp_path_factory.mktemp("clients")
    with clients_at_work(folder, kubeconfig=kubeconfig, namespace=run_apart(make()), images=images) as work:
        yield work


@pytest.fixture(scope="module")
def libraries(work: ClientsAtWork) -> ClientsAtWork:
    """Both workspaces have installed the clients, from the index that the cluster has."""
    for server in (WITH, WITHOUT):
        work.in_pod(server, "sh", "-eu", "-c", INSTALL, text=LOCK.read_text())
    return work


def in_a_notebook(work: ClientsAtWork, server: str, block: str) -> str:
    """What a cell printed; what went wrong is raised as an AssertionError with the traceback."""
    with Kernel(address=work.address(server), token=work.token) as kernel:
        return "".join(kernel.run(f"import sys\nsys.path.insert(0, {LIBRARIES!r})\n{block}"))


def test_an_ssh_key_clones_and_pushes_from_a_terminal_and_from_a_notebook(work: ClientsAtWork) -> None:
    address, url = work.address(WITH), work.ssh.url
    push_from_terminal(address, work.token, url, "typed")
    assert push_from_notebook(address, work.token, url, "in-a-notebook").startswith("0 ")
    assert work.ssh.subjects("main") == ["in-a-notebook", "typed"]
    assert len(work.in_pod(WITH, "cat", "/home/jovyan/.ssh/known_hosts").splitlines()) == 1
    refused = push_from_notebook(work.address(WITHOUT), work.token, url, "without")
    assert "Permission denied (publickey)" in refused
    assert work.ssh.subjects("main") == ["in-a-notebook", "typed"]


def test_pip_installs_what_only_the_token_opens(work: ClientsAtWork) -> None:
    install = (*INSTALL_ONE, "--target", "/tmp/private", PACKAGE)
    work.in_pod(WITH, *install, env={"PIP_CERT": AUTHORITY})
    asked = ("python", "-c", f"import {MODULE}; print({MODULE}.ANSWER)")
    assert work.in_pod(WITH, *asked, env={"PYTHONPATH": "/tmp/private"}).strip() == str(ANSWER)
    cell = f"%env PIP_CERT={AUTHORITY}\n%pip install {PACKAGE}\nimport {MODULE}; print('answer', {MODULE}.ANSWER)"
    assert f"answer {ANSWER}" in in_a_notebook(work, WITH, cell)
    # While pip was answered, it was among the processes of the machine; and the token was in the arguments of none.
    assert PACKAGE in work.packages.arguments
    assert work.values["packages"] not in work.packages.arguments
    refused_before = work.packages.refused
    with pytest.raises(ProgramFailedError):
        work.in_pod(WITHOUT, *install, "--index-url", f"{work.packages.url}/simple/", env={"PIP_CERT": AUTHORITY})
    assert work.packages.refused > refused_before


def test_pip_takes_an_index_that_is_asked_without_tls(work: ClientsAtWork) -> None:
    token = "token-of-a-plain-index"
    with PackageRegistry(NODE_ADDRESS, user="__token__", token=token).serving() as plain:
        url = f"{plain.url}/simple/"
        purpose = Purpose(kind=CredentialKind.PACKAGE_INDEX, tool="pip", url=url)
        [text] = render("plain", purpose, token).files.values()
        work.in_pod(WITHOUT, "sh", "-c", "cat >/tmp/pip.conf", text=text)
        work.in_pod(WITHOUT, *INSTALL_ONE, "--target", "/tmp/plain", PACKAGE, env={"PIP_CONFIG_FILE": "/tmp/pip.conf"})
        # Without our line pip leaves the index out.
        untrusted = text.partition("trusted-host")[0]
        work.in_pod(WITHOUT, "sh", "-c", "cat >/tmp/pip.conf", text=untrusted)
        with pytest.raises(ProgramFailedError, match="not a trusted or secure host"):
            work.in_pod(
                WITHOUT, *INSTALL_ONE, "--target", "/tmp/other", PACKAGE, env={"PIP_CONFIG_FILE": "/tmp/pip.conf"}
            )


def test_npm_and_conda_are_told_where_their_files_are(work: ClientsAtWork) -> None:
    """Neither program is in the images; npm itself reads such a file in tests/hub/credentials/test_content.py."""
    told = work.in_pod(WITH, "sh", "-c", 'cat "$NPM_CONFIG_USERCONFIG" "$CONDARC"').splitlines()
    place, token = work.packages.host, work.values["packages"]
    assert told == [
        f"registry=https://{place}/npm/",
        f"//{place}/npm/:_authToken={token}",
        "channels:",
        f'  - "https://token:{token}@{place}/conda"',
    ]


def test_google_and_azure_let_their_account_in_and_nobody_else(libraries: ClientsAtWork) -> None:
    env = {**libraries.trust, "AZURE_AUTHORITY_HOST": libraries.clouds.url, "NO_GCE_CHECK": "true"}
    assert libraries.in_pod(WITH, "python", "-c", GOOGLE, env=env).split(" ", 1) == ["studies", f"{GOOGLE_TOKEN}\n"]
    assert libraries.in_pod(WITH, "python", "-c", AZURE, env=env) == f"{AZURE_TOKEN}\n"
    with pytest.raises(ProgramFailedError, match="default credentials were not found"):
        libraries.in_pod(WITHOUT, "python", "-c", GOOGLE, env=env)
    with pytest.raises(ProgramFailedError, match="EnvironmentCredential authentication unavailable"):
        libraries.in_pod(WITHOUT, "python", "-c", AZURE, env=env)


def test_the_example_for_s3_reads_and_writes_an_object_where_the_credential_is(libraries: ClientsAtWork) -> None:
    assert in_a_notebook(libraries, WITH, S3) == "kept in object storage\n"
    again = ("python", "-c", 'import fsspec; print(fsspec.filesystem("s3").ls("studies/first"))')
    assert libraries.in_pod(WITH, *again, env=libraries.trust) == "['studies/first/notes.txt']\n"
    # Amazon's own machines would be asked next, at an address that no pod reaches: each try takes a second.
    alone = f'import os; os.environ["AWS_EC2_METADATA_DISABLED"] = "true"\n{S3}'
    with pytest.raises(AssertionError, match="NoCredentialsError"):
        in_a_notebook(libraries, WITHOUT, alone)
    nobody = f'import fsspec; fsspec.filesystem("s3", anon=True, endpoint_url={libraries.store.url!r}).ls("studies")'
    with pytest.raises(ProgramFailedError, match="PermissionError"):
        libraries.in_pod(WITHOUT, "python", "-c", nobody, env=libraries.trust)


def test_the_example_for_hdfs_reads_and_writes_a_file_where_the_credential_is(libraries: ClientsAtWork) -> None:
    assert in_a_notebook(libraries, WITH, HDFS) == "kept in HDFS\n"
    assert libraries.hdfs.files == {"/user/alice/studies/notes.txt": b"kept in HDFS"}
    with pytest.raises(AssertionError, match="PermissionError"):
        in_a_notebook(libraries, WITHOUT, HDFS)
    assert libraries.hdfs.refused
