"""The broker over real TLS, asked by an agent's own door and by those who may not; and nothing of a value is logged."""

from __future__ import annotations

import asyncio
import logging
import ssl
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from structlog.testing import capture_logs

from hub.credential_broker.question import BROKER_HOST, CREDENTIALS_PATH, Held
from hub.credential_broker.settings import settings_in
from hub.node_agent import broker
from hub.node_agent.broker import NO_BROKER, BrokerDoor, NoCredentials
from spawner import nearby
from spawner.identity import USER_LABEL
from studiolo.errors import StudioloError
from tests.authorities import Authority
from tests.hub.credential_broker.conftest import TOKEN, Brokers, listening
from tests.hub.credential_broker.samples import AGENTS, GIT, HF, TEAM, question, review, secret
from tests.hub.node_agent.samples import POD
from tests.lost_packets import lost_packets

ALL = {
    HF.name: {"HF_TOKEN": b"canary-hf"},
    GIT.name: {"file-1": b"canary-git"},
    TEAM.name: {"HUB_TOKEN": b"canary-hub", "file-2": b"canary-json"},
}


async def ask(door: BrokerDoor, pod: str = "warm-1", uid: str = POD) -> Held:
    try:
        return await door.held(namespace="lab", pod=pod, pod_uid=uid)
    finally:
        await door.close()


async def refused(door: BrokerDoor, **asked: str) -> str:
    with pytest.raises(NoCredentials) as error:
        await ask(door, **asked)
    return str(error.value)


async def test_an_agent_gets_what_its_pod_s_person_and_their_team_keep_and_nothing_else(brokers: Brokers) -> None:
    held = await ask(brokers.door())
    assert held.secrets == ALL
    assert "canary" not in repr(held)
    assert brokers.api.requests_for_test["list secrets"] == 0


async def test_what_was_rotated_or_removed_is_so_in_the_next_answer(brokers: Brokers) -> None:
    door = brokers.door()
    await door.held(namespace="lab", pod="warm-1", pod_uid=POD)
    brokers.api.put_for_test("secrets", secret(HF.name, "alice", HF_TOKEN="canary-new"), namespace="lab")
    brokers.api.remove_for_test("secrets", GIT.name, namespace="lab")
    held = await ask(door)
    assert held.secrets == {HF.name: {"HF_TOKEN": b"canary-new"}, TEAM.name: ALL[TEAM.name]}


async def test_for_another_pod_or_another_uid_or_from_another_node_nothing_is_given(brokers: Brokers) -> None:
    other = "11111111-2222-3333-4444-666666666666"
    assert "unknown_pod" in await refused(brokers.door(), pod="warm-2")
    assert "unknown_pod" in await refused(brokers.door(), uid=other)
    assert "other_node" in await refused(brokers.door(token="of-another", pod="agent-2", node="node-2"))
    assert "unknown_pod" in await refused(_elsewhere(brokers))


def _elsewhere(brokers: Brokers) -> BrokerDoor:
    door = brokers.door()
    held = door.held

    async def of_another_namespace(**asked: str) -> Held:
        return await held(**{**asked, "namespace": "kube-system"})

    door.held = of_another_namespace  # type: ignore[method-assign]  # whoever lies
    return door


async def test_a_label_that_a_hub_edited_later_brings_nothing_of_either_person(brokers: Brokers) -> None:
    brokers.api.change_for_test("pods", "warm-1", {"metadata": {"labels": {USER_LABEL: "bob"}}}, namespace="lab")
    assert "other_person" in await refused(brokers.door())


async def test_a_secret_of_another_that_a_pod_names_spoils_the_whole_answer(brokers: Brokers) -> None:
    brokers.api.put_for_test("secrets", secret(GIT.name, "bob", **{"file-1": "canary-of-bob"}), namespace="lab")
    assert "not_theirs" in await refused(brokers.door())


STRANGERS: dict[str, tuple[dict[str, Any], str]] = {
    "nobody's": ({"authenticated": False, "error": "invalid bearer token"}, "unknown_token"),
    "made for the API server": (review(audience="https://kubernetes.default.svc"), "unknown_token"),
    "another account's": (review("system:serviceaccount:lab:default"), "other_account"),
    "the account's that is called alike elsewhere": (review(AGENTS.replace("-nodes", "")), "other_account"),
    "made for no pod": (review(node="node-1"), "no_pod"),
    "of a pod that runs nowhere": (review(pod="agent-1"), "no_node"),
}


@pytest.mark.parametrize(("said", "why"), STRANGERS.values(), ids=STRANGERS)
async def test_who_shows_a_token_of_no_agent_gets_nothing_and_the_log_says_why(
    brokers: Brokers, caplog: pytest.LogCaptureFixture, said: dict[str, Any], why: str
) -> None:
    caplog.set_level(logging.DEBUG)
    brokers.api.reviews_for_test["token-of-a-stranger"] = said
    with capture_logs() as logged:
        assert "not_an_agent" in await refused(brokers.door(token="token-of-a-stranger"))
        assert "not_an_agent" in await refused(brokers.door(token=""))
    assert [one["why"] for one in logged] == [why, "unknown_token"]
    assert "token-of" not in f"{logged} {caplog.text}"
    assert brokers.api.requests_for_test["get pods"] == 0


async def test_who_shows_no_token_that_it_can_read_is_told_so_at_home(brokers: Brokers) -> None:
    door = brokers.door()
    for file in brokers.folder.glob("certificate-*/token"):
        file.unlink()
    assert "own token cannot be read" in await refused(door)


async def test_a_token_is_read_anew_for_each_question_and_reviewed_once_in_a_while(brokers: Brokers) -> None:
    door = brokers.door()
    for _ in range(3):
        await door.held(namespace="lab", pod="warm-1", pod_uid=POD)
    assert brokers.api.requests_for_test["create tokenreviews"] == 1
    (file,) = brokers.folder.glob("certificate-*/token")
    file.write_text("token-that-is-newer")
    brokers.api.reviews_for_test["token-that-is-newer"] = review()
    await ask(door)
    assert brokers.api.requests_for_test["create tokenreviews"] == 2


async def test_where_nobody_says_whose_a_token_is_nothing_is_given(brokers: Brokers) -> None:
    brokers.api.fail_for_test(500, verb="create tokenreviews", times=100)
    assert "503" in await refused(brokers.door())
    assert brokers.api.requests_for_test["get pods"] == 0


async def test_a_404_that_is_not_kubernetes_own_takes_no_credential_away(brokers: Brokers) -> None:
    brokers.api.fail_for_test(404, verb="get secrets", body=b"404 page not found")
    assert "503" in await refused(brokers.door())


async def test_an_api_server_that_does_not_answer_is_told_as_that(brokers: Brokers) -> None:
    brokers.api.fail_for_test(500, verb="get pods", body=b"canary-in-an-error", times=100)
    assert "503" in await refused(brokers.door())


async def test_who_shows_a_certificate_of_another_name_or_signer_gets_nothing(brokers: Brokers, tmp_path: Path) -> None:
    assert "403" in await refused(brokers.door(name="studiolo-hub"))
    other = brokers.door(name="studiolo-hub")
    with pytest.raises(NoCredentials, match="403"):
        await other.greet()
    await other.close()
    stranger = Authority(tmp_path / "stranger", name="stranger")
    assert "does not answer" in await refused(brokers.door(signed_by=stranger))


async def test_without_a_certificate_nothing_is_even_read(brokers: Brokers) -> None:
    trusted = ssl.create_default_context(cafile=str(brokers.brokers.file))
    async with httpx.AsyncClient(base_url=brokers.url, verify=trusted, trust_env=False) as client:
        for path in (CREDENTIALS_PATH, "/", "/health"):
            with pytest.raises(httpx.TransportError):
                await client.post(path, content=question().model_dump_json(), extensions={"sni_hostname": BROKER_HOST})


async def test_what_is_no_question_is_answered_without_a_word_of_it(brokers: Brokers) -> None:
    context = ssl.create_default_context(cafile=str(brokers.brokers.file))
    folder = brokers.agents.certificate_folder(brokers.folder / "plain", "studiolo-node-agent")
    context.load_cert_chain(folder / "tls.crt", folder / "tls.key")
    async with httpx.AsyncClient(base_url=brokers.url, verify=context, trust_env=False) as client:
        brokers.api.reviews_for_test[TOKEN] = review()
        named: dict[str, Any] = {
            "extensions": {"sni_hostname": BROKER_HOST},
            "headers": {"Authorization": f"Bearer {TOKEN}"},
        }
        answer = await client.post(CREDENTIALS_PATH, content=b'{"pod": "../secrets"}', **named)
        assert (answer.status_code, answer.json()) == (400, {"why": "malformed"})
        assert (await client.get("/", **named)).status_code == 404
        assert (await client.get(CREDENTIALS_PATH, **named)).status_code == 405


async def test_a_broker_with_another_name_is_none(brokers: Brokers, tmp_path: Path) -> None:
    (tmp_path / "other" / "agents").mkdir(parents=True)
    (tmp_path / "other" / "agents" / "agents.crt").write_bytes(brokers.agents.file.read_bytes())
    async with brokers.api.kube() as kube:
        server, url, authority = await listening(tmp_path / "other", kube, name="studiolo-hub")
        certificate = brokers.agents.certificate_folder(tmp_path / "asks", "studiolo-node-agent")
        (certificate / "token").write_text(TOKEN)
        door = BrokerDoor(url, token=certificate / "token", certificate=certificate, authority=authority.file)
        assert "does not answer" in await refused(door)
        server.stop()
        await server.close_all_connections()


async def test_a_broker_that_is_away_is_told_at_once_and_one_that_came_back_is_asked(brokers: Brokers) -> None:
    door = brokers.door()
    await door.held(namespace="lab", pod="warm-1", pod_uid=POD)
    await door.greet()
    await brokers.server.close_all_connections()  # it was started anew between two questions
    await door.held(namespace="lab", pod="warm-1", pod_uid=POD)
    await brokers.end()
    assert "does not answer" in await refused(door)
    later = brokers.door()
    with pytest.raises(NoCredentials, match="does not answer"):
        await later.greet()
    await later.close()
    await NO_BROKER.greet()
    with pytest.raises(NoCredentials):
        await NO_BROKER.held(namespace="lab", pod="warm-1", pod_uid=POD)
    await NO_BROKER.close()


async def test_a_knock_is_answered_and_one_who_answered_lately_is_not_asked(
    brokers: Brokers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(broker, "KNOCK_SECONDS", 10.0)
    monkeypatch.setattr(nearby, "FRESH_SECONDS", 3600.0)
    door = brokers.door()
    await door.knock()
    await brokers.end()
    await door.knock()
    await door.close()
    later = brokers.door()
    with pytest.raises(NoCredentials, match="does not answer"):
        await later.knock()
    await later.close()
    with pytest.raises(NoCredentials, match="told of no"):
        await NO_BROKER.knock()


async def test_a_broker_whose_packets_get_lost_answers_no_knock(brokers: Brokers) -> None:
    with lost_packets() as port:
        door = replace(brokers, url=f"https://127.0.0.1:{port}").door()
        async with asyncio.timeout(30):
            with pytest.raises(NoCredentials, match="does not answer a knock"):
                await door.knock()
        await door.close()


async def test_no_value_is_ever_logged(brokers: Brokers, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with capture_logs() as logged:
        await ask(brokers.door())
        await refused(brokers.door(), pod="warm-2")
        brokers.api.put_for_test("secrets", secret(GIT.name, "bob", **{"file-1": "canary-of-bob"}), namespace="lab")
        await refused(brokers.door())
    assert CREDENTIALS_PATH in caplog.text
    assert [one["why"] for one in logged] == ["unknown_pod", "not_theirs"]
    text = f"{logged} {caplog.text}"
    assert "canary" not in text
    assert TOKEN not in text
    assert "Y2FuYXJ5" not in text  # the same in base64


def test_a_broker_that_is_told_too_little_says_what_it_lacks() -> None:
    with pytest.raises(StudioloError, match="STUDIOLO_BROKER_RELEASE, STUDIOLO_BROKER_AGENTS"):
        settings_in({"STUDIOLO_BROKER_NAMESPACE": "lab"})
    told = {"NAMESPACE": "lab", "RELEASE": "r", "AGENTS": "a", "CERTIFICATE": "/c", "AUTHORITY": "/a/ca.crt"}
    found = settings_in({f"STUDIOLO_BROKER_{name}": value for name, value in told.items()})
    assert (found.namespace, found.port, found.kubeconfig) == ("lab", 8086, None)
