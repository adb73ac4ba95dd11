"""`kill -9` of everything in turn, while a cell runs: the cell finishes, and nothing is lost."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from typing import TYPE_CHECKING

import httpx
import pytest

from deploy.local.plans import HUB, PROXY, SERVICES
from hub.passwords import ADMIN
from spawner.processes import is_running
from spawner.record import read_record
from tests.kernels import Kernel

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.integration.conftest import RunningUp

pytestmark = pytest.mark.integration

OTHER = "other"
"""The workspace in which cells run; `default` is the one that dies."""


@pytest.fixture(scope="module")
def token(running_up: RunningUp) -> str:
    """The administrator's token; both workspaces run."""
    token = running_up.token(ADMIN, running_up.admin_password)
    running_up.start_workspace(token, ADMIN, OTHER)
    return token


@pytest.fixture
def default(running_up: RunningUp, token: str) -> str:
    """The address of the workspace `default`, which runs now."""
    with running_up.api(token) as api:
        if not api.get(f"users/{ADMIN}").json()["servers"].get("", {}).get("ready"):
            running_up.start_workspace(token, ADMIN)
    return f"{running_up.base_url}/user/{ADMIN}"


@pytest.fixture
def kernel(running_up: RunningUp, token: str) -> Iterator[Kernel]:
    """A kernel in the workspace `other`."""
    with Kernel(address=f"{running_up.base_url}/user/{ADMIN}/{OTHER}", token=token) as kernel:
        yield kernel


LONG_CELL = """
import pathlib, time
for number in range(20):
    print(number, flush=True)
    time.sleep(0.2)
pathlib.Path("result-{name}.txt").write_text("saved")
print("done")
"""


def reaches_all(running_up: RunningUp, *addresses: str, token: str) -> bool:
    """Whether hub, services and these workspaces answer through the proxy."""
    headers = {"Authorization": f"token {token}"}
    hub = [f"{running_up.base_url}/hub/health", f"{running_up.base_url}/services/studiolo/api/health"]
    with contextlib.suppress(httpx.HTTPError), httpx.Client(trust_env=False, headers=headers) as client:
        return all(client.get(address).status_code == httpx.codes.OK for address in [*hub, *addresses])
    return False


def saved(running_up: RunningUp, name: str) -> str:
    return (running_up.data.home(ADMIN) / f"result-{name}.txt").read_text()


def test_a_cell_goes_on_while_the_hub_is_killed_and_its_output_is_saved(running_up: RunningUp, kernel: Kernel) -> None:
    returned = sum("hub works again" in line for line in running_up.lines)
    output = kernel.run(LONG_CELL.replace("{name}", "hub"))
    printed = next(output)
    running_up.kill(HUB)
    printed += "".join(output)
    assert printed.split() == [*map(str, range(20)), "done"]
    assert saved(running_up, "hub") == "saved"
    running_up.wait_for_line("hub works again", count=returned + 1)
    # The hub knows the workspace as it did before, and the kernel is the one that ran.
    with kernel.api() as api:
        assert kernel.id in [each["id"] for each in api.get("kernels").raise_for_status().json()]
    assert "".join(kernel.run("print(number)")).strip() == "19"


def test_a_killed_proxy_has_all_its_routes_again_and_the_kernel_its_state(
    running_up: RunningUp, kernel: Kernel, token: str, default: str
) -> None:
    assert "".join(kernel.run("value = 41")) == ""
    began = time.monotonic()
    running_up.kill(PROXY)
    addresses = [f"{default}/api/status", f"{kernel.address}/api/status"]
    # The bound is 10 s; a machine that is busy with other tests gets three times that.
    running_up.until(lambda: reaches_all(running_up, *addresses, token=token), what="every route is back", seconds=30)
    print(f"all routes back after {time.monotonic() - began:.1f} s")  # noqa: T201 - the figure for the notes
    kernel.close()
    kernel.open()
    assert "".join(kernel.run("print(value + 1)")).strip() == "42"


def test_a_killed_workspace_is_noticed_its_page_says_how_it_ended_and_the_other_one_goes_on(
    running_up: RunningUp, kernel: Kernel, token: str, default: str
) -> None:
    record = read_record(running_up.data.workspace(ADMIN, "").record)
    assert record is not None
    assert record.server_process is not None
    output = kernel.run(LONG_CELL.replace("{name}", "workspace"))
    printed = next(output)
    os.kill(record.server_process.pid, signal.SIGKILL)
    with running_up.api(token) as api:
        # The bound is 2 s, see above.
        took = running_up.until(
            lambda: api.get(f"users/{ADMIN}").json()["servers"].get("", {"stopped": True}).get("stopped", False),
            what="the hub notices",
            seconds=6,
        )
    print(f"noticed after {took:.1f} s")  # noqa: T201 - the figure for the notes
    with contextlib.closing(running_up.browser(ADMIN, running_up.admin_password)) as browser:
        page = browser.get(f"/hub/user/{ADMIN}/lab").text
    assert "SIGKILL" in page or "signal 9" in page
    assert "JupyterHubSingleUser" in page or "Jupyter Server" in page  # the last lines of its log
    assert (printed + "".join(output)).split()[-1] == "done"
    assert saved(running_up, "workspace") == "saved"


def test_pages_and_starts_work_while_services_is_killed(running_up: RunningUp, token: str) -> None:
    running_up.kill(SERVICES)
    with contextlib.closing(running_up.browser(ADMIN, running_up.admin_password)) as browser:
        for page in ("/hub/home", "/hub/spawn", "/hub/admin"):
            assert browser.get(page).status_code == httpx.codes.OK, page
    running_up.start_workspace(token, ADMIN, "third")
    running_up.stop_workspace(token, ADMIN, "third")


def test_workspaces_go_on_while_the_supervisor_itself_is_killed_and_started_again(
    running_up: RunningUp, kernel: Kernel, token: str
) -> None:
    assert "".join(kernel.run("value = 41")) == ""
    keepers = running_up.keepers()
    running_up.signal_up(signal.SIGKILL)
    running_up.wait_for_end()
    running_up.up()
    assert keepers
    assert running_up.keepers() == keepers
    running_up.until(
        lambda: reaches_all(running_up, f"{kernel.address}/api/status", token=token), what="the workspace is reached"
    )
    kernel.close()
    kernel.open()
    assert "".join(kernel.run("print(value + 1)")).strip() == "42"


def test_ctrl_c_ends_workspaces_and_kernels_too(running_up: RunningUp, kernel: Kernel) -> None:
    assert "".join(kernel.run("import subprocess; _ = subprocess.Popen(['sleep', '1000'])")) == ""
    everything = running_up.all_processes()
    assert running_up.keepers()
    assert running_up.end(signal.SIGINT) == 0
    assert not [process for process in everything if is_running(process)]
    running_up.up()
