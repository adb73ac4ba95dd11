from __future__ import annotations

import pytest

from studiolo.address import HubAddress
from studiolo.client_errors import AddressInvalid


@pytest.mark.parametrize(
    ("text", "public"),
    [
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000"),
        (" http://127.0.0.1:8000/ ", "http://127.0.0.1:8000"),
        ("127.0.0.1:8000", "http://127.0.0.1:8000"),
        ("localhost:8123", "http://localhost:8123"),
        ("[::1]:8000", "http://[::1]:8000"),
        ("studiolo.example.org", "https://studiolo.example.org"),
        ("https://x.org/hub/home?next=1#top", "https://x.org"),
        ("https://x.org/jupyter/hub/token", "https://x.org/jupyter"),
        ("https://x.org/jupyter/user/alice/lab", "https://x.org/jupyter"),
        ("https://x.org//jupyter//", "https://x.org/jupyter"),
    ],
)
def test_an_address_is_understood_as_people_paste_it(text: str, public: str) -> None:
    address = HubAddress.parse(text)
    assert address.public == public
    assert address.hub_api == f"{public}/hub/api"
    assert address.services_api == f"{public}/services/studiolo/api"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "http://",
        "ftp://x.org",
        "http://x.org:port",
        "http://x.org:99999",
        "http://[::1",
        "x y",
        "http://a\nb",
        "///",
    ],
)
def test_what_is_no_address_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(AddressInvalid) as caught:
        HubAddress.parse(text)
    assert "http://127.0.0.1:8000" in caught.value.hint


def test_a_password_in_an_address_is_refused_and_not_repeated() -> None:
    with pytest.raises(AddressInvalid) as caught:
        HubAddress.parse("https://alice:geheim@x.org")
    assert "geheim" not in f"{caught.value}{caught.value.hint}"


@pytest.mark.parametrize(
    ("url", "is_private"),
    [
        ("http://127.0.0.1:8000", True),
        ("http://127.8.9.1", True),
        ("http://[::1]:1", True),
        ("http://localhost", True),
        ("http://studiolo.localhost", True),
        ("https://x.org", True),
        ("http://x.org", False),
        ("http://192.168.1.4", False),
        ("http://localhost.example.org", False),
    ],
)
def test_a_token_is_private_only_when_encrypted_or_on_this_machine(url: str, is_private: bool) -> None:
    assert HubAddress.parse(url).is_private is is_private


def test_a_workspace_asks_the_hub_directly_and_shows_the_public_links() -> None:
    address = HubAddress.of_workspace(
        {
            "JUPYTERHUB_API_URL": "http://127.0.0.1:8002/hub/api/",
            "JUPYTERHUB_PUBLIC_HUB_URL": "https://x.org/jupyter/hub/",
        }
    )
    assert address.hub_api == "http://127.0.0.1:8002/hub/api"
    assert address.services_api == "https://x.org/jupyter/services/studiolo/api"
    assert address.absolute("/jupyter/user/alice/") == "https://x.org/jupyter/user/alice/"


def test_a_workspace_that_is_not_told_the_public_address_uses_the_hubs() -> None:
    address = HubAddress.of_workspace({"JUPYTERHUB_API_URL": "http://hub:8081/hub/api"})
    assert address.public == "http://hub:8081"


def test_a_workspace_asks_the_services_where_they_run_where_it_is_told() -> None:
    told = {
        "JUPYTERHUB_API_URL": "http://hub:8081/hub/api",
        "JUPYTERHUB_PUBLIC_HUB_URL": "https://x.org/hub/",
        "STUDIOLO_SERVICES_URL": "http://services:8083",
    }
    address = HubAddress.of_workspace(told)
    assert (address.services_api, address.is_inside) == ("http://services:8083/services/studiolo/api", True)
    assert address.public == "https://x.org"


def test_a_full_link_stays_as_it_is() -> None:
    address = HubAddress.parse("https://x.org")
    assert address.absolute("https://alice.x.org/user/alice/") == "https://alice.x.org/user/alice/"
