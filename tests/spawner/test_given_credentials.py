"""What a claimed pod gets of credentials is what a normally started one has: the same variables, the same files.

What a kubelet makes of a pod's references is written out here, and compared with what the agent of a node brings.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from hub.credential_broker.question import Held
from hub.node_agent.broker import files_of, with_variables
from spawner.claim_rules import can_become, variables_in, why_normal
from spawner.credential_mounts import given_credentials
from spawner.credentials import CredentialKind, MountedCredential
from spawner.identity import CredentialSecret, GivenCredentials, Identity, marked_credentials
from spawner.warm_pod import warm_pod
from tests.spawner.test_manifest import CREDENTIALS, INSTALLATION, plan, render
from tests.spawner.test_warm_pod import SHAPES

OWN_SECRET = {"JUPYTERHUB_API_TOKEN": "a-token", "JPY_API_TOKEN": "a-token"}
CLASHING = (
    *CREDENTIALS,
    MountedCredential(
        name="vision/hub",
        team="vision",
        kind=CredentialKind.ENV,
        secret="team-credential-vision--hub",
        env=("HF_TOKEN", "HUB_URL", "LD_PRELOAD"),
    ),
    MountedCredential(
        name="vision/aws",
        team="vision",
        kind=CredentialKind.CLOUD,
        secret="team-credential-vision--aws",
        files=("~/.aws/credentials", "../../etc/passwd"),
    ),
    MountedCredential(name="lost", kind=CredentialKind.ENV, env=("LOST",)),
)


def kept(credentials: tuple[MountedCredential, ...]) -> dict[str, dict[str, str]]:
    """A value in each key of each Secret."""
    found: dict[str, dict[str, str]] = {}
    references = given_credentials(credentials, ("vision",))
    for one in references.secrets:
        found[one.name] = {key: f"{one.name} {key}" for key in (*one.env, *one.files.values())}
    return found


def of_a_kubelet(
    pod: Mapping[str, Any], secrets: Mapping[str, Mapping[str, str]]
) -> tuple[dict[str, str], dict[str, bytes]]:
    """Variables and files of a pod whose references are all optional."""
    env: dict[str, str] = {}
    for one in pod["spec"]["containers"][0]["env"]:
        if "value" in one:
            env[one["name"]] = one["value"].replace("$$", "$")
            continue
        reference = one["valueFrom"]["secretKeyRef"]
        values = OWN_SECRET if reference["name"] == "ws-ada" else secrets.get(reference["name"], {})
        if reference["key"] in values:
            env[one["name"]] = values[reference["key"]]
    files = {
        item["path"]: secrets[source["secret"]["name"]][item["key"]].encode()
        for volume in pod["spec"]["volumes"]
        for source in volume.get("projected", {}).get("sources", ())
        for item in source["secret"]["items"]
        if item["key"] in secrets.get(source["secret"]["name"], {})
    }
    return env, files


def of_an_agent(
    pod: Mapping[str, Any], references: GivenCredentials, secrets: Mapping[str, Mapping[str, str]]
) -> tuple[dict[str, str], dict[str, bytes]]:
    """The same of a claimed one."""
    encoded = {
        name: {key: base64.b64encode(value.encode()).decode() for key, value in one.items()}
        for name, one in secrets.items()
    }
    held = Held.model_validate({"secrets": encoded})
    identity = Identity(env=variables_in(pod, OWN_SECRET), cwd="/home/jovyan")
    return dict(with_variables(identity, references, held).env), dict(files_of(references, held))


@settings(deadline=None, max_examples=20)
@given(data=st.data())
async def test_a_claimed_pod_has_the_variables_and_files_of_a_normal_one_whatever_is_gone(data: Any) -> None:
    chosen = tuple(one for one in CLASHING if data.draw(st.booleans()))
    secrets = {name: one for name, one in kept(CLASHING).items() if data.draw(st.booleans())}
    with pytest.MonkeyPatch.context() as patch:
        typed = (("HUB_URL", "typed"), ("PRICE", "$5"))
        normal = await render(plan(env=typed).with_credentials(chosen), INSTALLATION, patch)
    references = given_credentials(chosen, ("vision",))
    assert marked_credentials(references.mark()) == (references if references.secrets else GivenCredentials())
    assert of_an_agent(normal, references, secrets) == of_a_kubelet(normal, secrets)


async def test_who_has_credentials_can_have_a_warm_pod(monkeypatch: pytest.MonkeyPatch) -> None:
    launch = plan().with_credentials(CREDENTIALS)
    assert why_normal(launch, keeps_homes=True) is None
    warm = warm_pod("warm-1", SHAPES["small"], INSTALLATION)
    assert can_become(warm, await render(launch, INSTALLATION, monkeypatch))


def test_the_place_for_files_is_in_memory_and_nobody_in_the_pod_writes_there() -> None:
    spec = warm_pod("warm-1", SHAPES["small"], INSTALLATION)["spec"]
    (volume,) = (one for one in spec["volumes"] if one["name"] == "credentials")
    assert volume["emptyDir"]["medium"] == "Memory"
    (mount,) = (one for one in spec["containers"][0]["volumeMounts"] if one["name"] == "credentials")
    assert mount == {"name": "credentials", "mountPath": "/run/credentials", "readOnly": True}


def test_a_credential_that_is_read_before_the_identity_comes_needs_a_normal_start() -> None:
    early = MountedCredential(name="x", kind=CredentialKind.ENV, secret="s", env=("LC_ALL",))
    assert why_normal(plan().with_credentials((early,)), keeps_homes=True) == "early_variable"


def test_only_teams_of_the_person_are_named_and_only_those_that_give_something() -> None:
    references = given_credentials(CLASHING, ("vision", "sound"))
    assert references.teams == ("vision",)
    assert given_credentials(CLASHING, ()).teams == ()
    assert given_credentials((), ("vision",)).mark() == ""
    strange = replace(CLASHING[-3], team="Vision & Co")
    (folder,) = given_credentials((strange,), ("Vision & Co",)).teams
    assert folder.startswith("vision-co---")


@pytest.mark.parametrize(
    "place", ["", "/etc/passwd", "../x", "a/../b", "a//b", "..data", "a/..b", ".", "a\0b", "x" * 256]
)
def test_a_place_that_leads_elsewhere_is_refused(place: str) -> None:
    with pytest.raises(ValidationError):
        CredentialSecret(name="s", files={place: "file-1"})
