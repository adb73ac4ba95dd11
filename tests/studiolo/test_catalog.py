"""What a valid catalog gives. Broken ones: test_broken_catalogs."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pydantic
import pytest

from studiolo.catalog import (
    APPS,
    Catalog,
    CatalogError,
    CpuShare,
    Environment,
    Gpu,
    Hardware,
    Platform,
    check_catalog,
    load_catalog,
)
from studiolo.catalog_model import Affinity, NodePreference, NodeRule, Toleration
from studiolo.choice import Choice

ROOT = Path(__file__).parents[2]
DIGEST = "sha256:" + "0123456789abcdef" * 4


def test_every_key_is_read_into_its_type(write_catalog: Callable[..., Path]) -> None:
    write_catalog(
        environments=f"""
environments:
  pytorch:
    title: PyTorch
    summary: >
      JupyterLab,
      and PyTorch
    image: registry.example.org:5000/studiolo/pytorch:2.9@{DIGEST}
    requirements: ./requirements.lock
    programs: [Rscript, g++]
    apps: [tensorboard]
    teams: [vision, "data science"]
    default: true
""",
        hardware="""
currency: USD
timezone: UTC
hardware:
  gpu:
    title: "One: GPU"
    summary: fast
    cpu: {request: 500m, limit: 8}
    memory: 1.5Gi
    gpu: {resource: nvidia.com/mig-1g.10gb, count: 2}
    price_per_hour: 1.20
    idle: {stop_after: 1h30m}
    max_age: never
    teams: [vision]
    default: false
""",
        lock="--index-url x\njupyter_server.proxy==4.4.0 \\\n    --hash=sha256:00\nTensorBoard[x] @ file\n",
    )
    check = check_catalog(Path())
    assert check.problems == ()
    assert check.catalog == Catalog(
        environments=(
            Environment(
                name="pytorch",
                title="PyTorch",
                summary="JupyterLab, and PyTorch",
                image=f"registry.example.org:5000/studiolo/pytorch:2.9@{DIGEST}",
                requirements=Path.cwd() / "requirements.lock",
                programs=("Rscript", "g++"),
                apps=("tensorboard",),
                teams=frozenset({"vision", "data science"}),
                default=True,
            ),
        ),
        hardware=(
            Hardware(
                name="gpu",
                title="One: GPU",
                summary="fast",
                cpu=CpuShare(request=0.5, limit=8),
                memory_bytes=3 * 2**29,
                gpu=Gpu(resource="nvidia.com/mig-1g.10gb", count=2),
                price_per_hour=Decimal("1.20"),
                stop_after=timedelta(minutes=90),
                max_age="never",
                teams=frozenset({"vision"}),
            ),
        ),
        currency="USD",
    )


def test_where_a_hardware_s_workspaces_may_run_is_read_in_kubernetes_words(write_catalog: Callable[..., Path]) -> None:
    write_catalog(
        hardware="""
hardware:
  gpu:
    title: GPU
    cpu: 1
    memory: 2Gi
    ephemeral_storage: 20Gi
    scratch: 50Gi
    node_selector: {accelerator: a100, example.org/zone: ""}
    tolerations:
      - {key: nvidia.com/gpu, operator: Exists}
      - {key: team, value: vision, effect: NoSchedule}
      - {operator: Exists}
    affinity:
      required: [{key: accelerator, operator: In, values: [a100, h100]}, {key: spot, operator: DoesNotExist}]
      preferred: [{weight: 50, key: cores, operator: Gt, values: ["16"]}]
    priority_class: studiolo-workspace
    runtime_class: nvidia
"""
    )
    (gpu,) = load_catalog(Path()).hardware
    assert gpu.ephemeral_storage_bytes == 20 * 2**30
    assert gpu.scratch_bytes == 50 * 2**30
    assert gpu.node_selector == (("accelerator", "a100"), ("example.org/zone", ""))
    assert gpu.tolerations == (
        Toleration(key="nvidia.com/gpu", operator="Exists"),
        Toleration(key="team", value="vision", effect="NoSchedule"),
        Toleration(operator="Exists"),
    )
    assert gpu.affinity == Affinity(
        required=(
            NodeRule(key="accelerator", operator="In", values=("a100", "h100")),
            NodeRule(key="spot", operator="DoesNotExist"),
        ),
        preferred=(NodePreference(weight=50, rule=NodeRule(key="cores", operator="Gt", values=("16",))),),
    )
    assert (gpu.priority_class, gpu.runtime_class) == ("studiolo-workspace", "nvidia")


@pytest.mark.parametrize(
    ("cpu", "expected"),
    [
        ("2", CpuShare(request=2, limit=2)),
        ("500m", CpuShare(request=0.5, limit=0.5)),
        ("{request: 1}", CpuShare(request=1, limit=1)),
        ("{limit: 4}", CpuShare(request=4, limit=4)),
        ("{request: 1, limit: 1}", CpuShare(request=1, limit=1)),
    ],
)
def test_cores_are_one_number_or_a_request_and_a_limit(
    cpu: str, expected: CpuShare, write_catalog: Callable[..., Path]
) -> None:
    write_catalog(hardware=f"hardware:\n  a: {{title: A, cpu: {cpu}, memory: 2Gi}}\n")
    assert load_catalog(Path()).hardware[0].cpu == expected


def test_a_gpu_without_a_count_is_one(write_catalog: Callable[..., Path]) -> None:
    write_catalog(hardware="hardware:\n  a: {title: A, cpu: 1, memory: 2Gi, gpu: {resource: nvidia.com/gpu}}\n")
    assert load_catalog(Path()).hardware[0].gpu_count == 1


def test_a_catalog_that_says_nothing_of_money_and_time_has_defaults(write_catalog: Callable[..., Path]) -> None:
    found = load_catalog(write_catalog())
    assert (found.currency, found.timezone) == ("EUR", "UTC")
    assert found.hardware[0].gpu_count == 0


def test_anchors_and_merges_are_allowed(write_catalog: Callable[..., Path]) -> None:
    write_catalog(
        hardware="""
hardware:
  small: &small
    title: Small
    cpu: 1
    memory: &memory 2Gi
    default: true
  medium:
    <<: *small
    title: Medium
    default: false
  large:
    <<: [{memory: 8Gi}, *small]
    title: &title Large
    summary: *title
    cpu: !!str 4
    default: false
"""
    )
    check = check_catalog(Path())
    assert check.problems == ()
    assert check.catalog is not None
    facts = [
        (entry.name, entry.title, entry.cpu.limit, entry.memory_bytes // 2**30) for entry in check.catalog.hardware
    ]
    assert facts == [("small", "Small", 1, 2), ("medium", "Medium", 1, 2), ("large", "Large", 4, 8)]
    assert check.catalog.hardware[2].summary == "Large"


def test_words_that_old_yaml_takes_for_booleans_are_text(write_catalog: Callable[..., Path]) -> None:
    write_catalog(environments="environments:\n  on: {title: Yes, teams: [no], requirements: requirements.lock}\n")
    [entry] = load_catalog(Path()).environments
    assert (entry.name, entry.title, entry.teams) == ("on", "Yes", {"no"})


def test_an_environment_is_offered_only_where_it_can_run(write_catalog: Callable[..., Path]) -> None:
    write_catalog(
        environments=f"""
environments:
  here: {{title: Here, requirements: requirements.lock}}
  there: {{title: There, image: python@{DIGEST}}}
  both: {{title: Both, image: python@{DIGEST}, requirements: requirements.lock}}
"""
    )

    def names(platform: Platform) -> tuple[list[str], list[str]]:
        found = load_catalog(Path(), platform=platform)
        return [entry.name for entry in found.environments], [entry.name for entry in found.elsewhere]

    assert names(Platform.LOCAL) == (["here", "both"], ["there"])
    assert names(Platform.KUBERNETES) == (["there", "both"], ["here"])


@pytest.mark.parametrize(
    ("platform", "entry", "said"),
    [
        (Platform.LOCAL, f"image: python@{DIGEST}", "can run on one machine: no entry names requirements"),
        (Platform.KUBERNETES, "requirements: requirements.lock", "can run on Kubernetes: no entry names an image"),
    ],
)
def test_a_catalog_of_which_nothing_can_run_here_is_warned_of(
    platform: Platform, entry: str, said: str, write_catalog: Callable[..., Path]
) -> None:
    write_catalog(environments=f"environments:\n  a: {{title: A, {entry}}}\n")
    check = check_catalog(Path(), platform=platform)
    [warning] = check.problems
    assert str(warning).startswith("environments.yaml:1:1: environments: warning: None of these")
    assert said in warning.message
    assert check.catalog is not None
    assert check.errors == ()


def test_a_hub_in_a_pod_has_the_catalogs_without_the_locks(write_catalog: Callable[..., Path]) -> None:
    write_catalog(
        environments="environments:\n"
        f"  a: {{title: A, requirements: no.lock, apps: [tensorboard], image: a@{DIGEST}}}\n"
    )
    assert check_catalog(Path(), platform=Platform.KUBERNETES).problems == ()
    assert check_catalog(Path(), platform=Platform.LOCAL).errors


def test_a_broken_catalog_is_refused_as_a_whole_with_every_problem(write_catalog: Callable[..., Path]) -> None:
    write_catalog(environments="environments: {a: {title: A}}", hardware="hardware: {b: {title: B, cpu: 1}}")
    with pytest.raises(CatalogError) as refused:
        load_catalog(Path())
    assert [problem.path for problem in refused.value.problems] == ["environments.a", "hardware.b"]


def test_teams_see_what_is_theirs_and_what_is_everyones(sample_catalog: Catalog) -> None:
    def seen(*teams: str) -> tuple[list[str], list[str]]:
        return (
            [entry.name for entry in sample_catalog.offered_environments(teams)],
            [entry.name for entry in sample_catalog.offered_hardware(teams)],
        )

    assert seen() == (["minimal", "python"], ["small", "medium", "gpu"])
    assert seen("vision") == (["minimal", "python", "pytorch"], ["small", "medium", "gpu"])
    assert seen("vision", "research") == (["minimal", "python", "pytorch"], ["small", "medium", "gpu", "huge"])


def test_entries_are_found_by_name(sample_catalog: Catalog) -> None:
    python, huge = sample_catalog.environment("python"), sample_catalog.hardware_named("huge")
    assert python is sample_catalog.environments[1]
    assert huge is sample_catalog.hardware[3]
    assert sample_catalog.environment("huge") is None
    assert sample_catalog.hardware_named("python") is None


def test_without_choosing_people_get_the_default_that_is_offered_to_them(sample_catalog: Catalog) -> None:
    assert sample_catalog.default_choice(()) == Choice(environment="python", hardware="small")


def test_people_who_may_not_have_the_default_get_the_first_that_is_offered() -> None:
    theirs = frozenset({"vision"})
    cpu = CpuShare(request=1, limit=1)
    catalog = Catalog(
        environments=(
            Environment(name="a", title="A", teams=theirs, default=True),
            Environment(name="b", title="B"),
            Environment(name="c", title="C"),
        ),
        hardware=(Hardware(name="d", title="D", cpu=cpu, memory_bytes=1, teams=theirs),),
    )
    assert catalog.default_choice(()) is None
    assert catalog.default_choice(("vision",)) == Choice(environment="a", hardware="d")
    everyones = catalog.model_copy(update={"hardware": (catalog.hardware[0].model_copy(update={"teams": None}),)})
    assert everyones.default_choice(()) == Choice(environment="b", hardware="d")


def test_a_catalog_cannot_be_changed(sample_catalog: Catalog) -> None:
    with pytest.raises(pydantic.ValidationError):
        sample_catalog.currency = "USD"  # type: ignore[misc]  # that it cannot be done is the point


def test_the_path_of_an_app_ends_with_a_slash() -> None:
    for name, app in APPS.items():
        assert app.name == name
        assert app.path.endswith("/")


def test_the_catalogs_that_ship_have_no_problem() -> None:
    check = check_catalog(ROOT)
    assert check.problems == ()
    assert check.catalog is not None
    assert [entry.name for entry in check.catalog.environments] == [
        "python",
        "minimal",
        "deep-learning",
        "pytorch",
        "r",
    ]
    assert [entry.name for entry in check.catalog.hardware] == ["small", "medium", "large", "gpu"]
    assert check.catalog.default_choice(()) == Choice(environment="python", hardware="small")


def test_the_smallest_hardware_that_ships_fits_a_laptop_of_4_gib() -> None:
    small = load_catalog(ROOT).hardware[0]
    assert small.memory_bytes <= 2 * 2**30
    assert small.cpu.limit <= 2


def test_the_catalogs_that_ship_name_no_registry() -> None:
    assert all(entry.image is None for entry in load_catalog(ROOT).environments)


def test_importing_the_catalog_brings_no_server_and_no_client() -> None:
    heavy = ["jupyterhub", "kubespawner", "tornado", "sqlalchemy", "httpx", "rich"]
    code = f"import sys, studiolo.catalog; print([name for name in {heavy} if name in sys.modules])"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"
