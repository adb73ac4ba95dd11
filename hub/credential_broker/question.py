"""What an agent asks the broker, and what it is told: `POST /credentials` over TLS, with certificates on both sides."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Final

from pydantic import Base64Bytes, Field, StringConstraints

from spawner.identity import Message

BROKER_PORT: Final = 8086

BROKER_HOST: Final = "studiolo-credential-broker"
"""The name in the broker's certificate. That of whoever asks is the agents' (`AGENT_HOST`)."""

CREDENTIALS_PATH: Final = "/credentials"

BROKER_AUDIENCE: Final = "studiolo-credential-broker"
"""Of the token that an agent shows with each question. One for the API server does not do, and the other way round."""

HEALTH_PATH: Final = "/health"

MOST_BYTES: Final = 4096
"""Of a question."""

Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]([-.a-z0-9]{0,251}[a-z0-9])?$")]


class Question(Message):
    """What does this pod get? All else is asked of the API server, and nothing is believed of whoever asks.

    On which node that is, says the token in the header: of the agent's own pod, for `BROKER_AUDIENCE`.
    """

    namespace: Name
    pod: Name
    pod_uid: Annotated[str, StringConstraints(pattern=r"^[0-9a-f-]{36}$")]


class Held(Message):
    """The answer: what the Secrets hold that are meant for this pod. One that is gone is not among them."""

    secrets: dict[str, dict[str, Base64Bytes]] = Field(repr=False)
    """By the name of the Secret and the key in it."""


class Denial(StrEnum):
    """Why there is no answer, for a program to read."""

    MALFORMED = "malformed"
    """It is no question, or what the pod's marks say cannot be read. A bug of ours."""
    NOT_AN_AGENT = "not_an_agent"
    """Who asks shows no token of an agent that runs on a node. Our log says which of that."""
    UNKNOWN_POD = "unknown_pod"
    NOT_CLAIMED = "not_claimed"
    """It is nobody's, another installation's, a node's own, or was not claimed."""
    OTHER_NODE = "other_node"
    """It does not run where the agent that asks does."""
    ENDED = "ended"
    OTHER_PERSON = "other_person"
    """What the pod says of its person does not agree with itself."""
    NOT_THEIRS = "not_theirs"
    """A Secret that it names is another's, or no credential."""


class Denied(Message):
    """The answer where nothing is given."""

    why: Denial
