"""Taking the cluster away touches nothing else."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

from deploy.cluster import mounts, record
from deploy.cluster.layout import SERVICE_NETWORK
from deploy.cluster.mounts import MountBelowError, mounts_below, parse_mount_points, remove_folder
from deploy.cluster.network import forwarding_rules, routes
from deploy.cluster.record import ClusterRecord, forget_record, load_record, save_record
from deploy.cluster.snapshot import Snapshot, without_counts
from deploy.cluster.up import may_take_over

MOUNTINFO = r"""22 1 254:0 / / rw,relatime - ext4 /dev/vda rw
35 22 0:31 / /srv/with\040space rw shared:2 - tmpfs tmpfs rw
36 22 0:32 / /state/homes rw - tmpfs tmpfs rw
37 36 0:33 / /state/homes/alice rw - tmpfs tmpfs rw
38 22 0:34 / /statement rw - tmpfs tmpfs rw
"""


def test_mount_points_are_read_with_their_spaces() -> None:
    assert parse_mount_points(MOUNTINFO) == ("/", "/srv/with space", "/state/homes", "/state/homes/alice", "/statement")


def test_mounts_below_are_found_by_folder_not_by_letters() -> None:
    assert mounts_below(Path("/state"), parse_mount_points(MOUNTINFO)) == ("/state/homes", "/state/homes/alice")
    assert mounts_below(Path("/state/homes"), parse_mount_points(MOUNTINFO)) == ("/state/homes", "/state/homes/alice")
    assert mounts_below(Path("/elsewhere"), parse_mount_points(MOUNTINFO)) == ()


def test_a_folder_with_a_mount_in_it_keeps_every_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "state" / "homes" / "alice"
    home.mkdir(parents=True)
    (home / "thesis.tex").touch()
    monkeypatch.setattr(mounts, "current_mount_points", lambda: ("/", str(home)))
    with pytest.raises(MountBelowError, match="alice is mounted in it"):
        remove_folder(tmp_path / "state")
    assert (home / "thesis.tex").exists()


def test_a_folder_without_mounts_goes_and_links_are_not_followed(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "file").touch()
    state = tmp_path / "state"
    state.mkdir()
    (state / "link").symlink_to(outside)
    remove_folder(state)
    assert not state.exists()
    assert (outside / "file").exists()


@pytest.mark.parametrize("with_simulated_pods", [False, True])
def test_every_route_carries_our_mark(with_simulated_pods: bool) -> None:
    assert all(words[-2:] == ("proto", "199") for words in routes(with_simulated_pods=with_simulated_pods))


def blackholes(*, with_simulated_pods: bool) -> set[str]:
    found = routes(with_simulated_pods=with_simulated_pods)
    return {words[words.index("blackhole") + 1] for words in found if "blackhole" in words}


def test_metadata_addresses_and_pod_ranges_lead_nowhere() -> None:
    assert {"169.254.169.254", "10.244.0.0/16", "10.250.0.0/16"} <= blackholes(with_simulated_pods=False)
    assert SERVICE_NETWORK not in blackholes(with_simulated_pods=False)


def test_simulated_pods_that_are_answered_for_are_reached_by_a_link_of_this_machine() -> None:
    gone = blackholes(with_simulated_pods=False) - blackholes(with_simulated_pods=True)
    assert gone == {"10.250.0.0/16"}
    assert ("route", "replace", "10.250.0.0/16", "dev", "studiolo-s", "proto", "199") in routes(
        with_simulated_pods=True
    )


def test_pods_reach_pods_and_nodes_and_nothing_else() -> None:
    text = forwarding_rules(("studiolo-p1", "studiolo-p2"))
    sources, targets = "studiolo-p1, studiolo-p2, studiolo-s", "studiolo-p1, studiolo-p2, studiolo0, studiolo-s"
    assert f"iifname {{ {sources} }} oifname != {{ {targets} }}" in text
    assert "reject" in text


def test_the_record_is_read_as_it_was_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(record, "RECORD", tmp_path / "record.json")
    assert load_record() is None
    written = ClusterRecord(state="/checkout/.cluster", sysctls={"vm/panic_on_oom": "0"}, node_count=2)
    written = written.with_folders(["/var/lib/kubelet"]).with_folders(["/run/containerd"])
    save_record(written)
    assert load_record() == written
    assert written.folders == ("/run/containerd", "/var/lib/kubelet")
    assert written.checkout == Path("/checkout")
    forget_record()
    assert load_record() is None


def test_a_record_that_was_cut_off_counts_as_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(record, "RECORD", tmp_path / "record.json")
    (tmp_path / "record.json").write_text('{"state": "/che')
    assert load_record() is None


@pytest.mark.parametrize(
    ("owner_exists", "ci", "may"),
    [(True, "", False), (True, "false", False), (True, "true", True), (True, "1", True), (False, "", True)],
)
def test_another_checkout_s_cluster_is_ended_only_in_ci_or_when_it_has_gone(
    tmp_path: Path, owner_exists: bool, ci: str, may: bool
) -> None:
    checkout = tmp_path / "other"
    if owner_exists:
        checkout.mkdir()
    assert may_take_over(ClusterRecord(state=str(checkout / ".cluster")), ci=ci) is may


def _snapshot(**parts: tuple[str, ...]) -> Snapshot:
    return Snapshot(**{field.name: parts.get(field.name, ()) for field in fields(Snapshot)})


def test_a_snapshot_names_what_came_and_what_went() -> None:
    before = _snapshot(links=("eth0",), sysctls=("vm/panic_on_oom = 0",))
    after = _snapshot(links=("eth0", "studiolo0"), sysctls=("vm/panic_on_oom = 1",))
    assert before.differences(after) == (
        "links: + studiolo0",
        "sysctls: - vm/panic_on_oom = 0",
        "sysctls: + vm/panic_on_oom = 1",
    )
    assert before.differences(before) == ()


def test_counted_packets_are_no_difference() -> None:
    assert without_counts(":FORWARD ACCEPT [12:340]\n") == without_counts(":FORWARD ACCEPT [0:0]\n")
    assert without_counts("# Generated on Monday\nx").strip() == "x"
