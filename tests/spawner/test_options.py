"""User options are anything somebody sends; the answer is a choice on offer, or sentences that say what is wrong."""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spawner.env_rules import RESERVED_NAMES, RESERVED_PREFIXES
from spawner.errors import OptionsError
from spawner.options import (
    Remembered,
    check_remembered,
    options_from_form,
    options_from_query,
    parse_options,
    shown,
)
from studiolo.catalog import Catalog
from studiolo.choice import Choice

OFFERED = "On offer: small, medium, gpu."


def parse(raw: object, catalog: Catalog, teams: Collection[str] = ()) -> Choice:
    return parse_options(raw, catalog=catalog, teams=teams)


def problems(raw: object, catalog: Catalog, teams: Collection[str] = ()) -> tuple[str, ...]:
    with pytest.raises(OptionsError) as caught:
        parse(raw, catalog, teams)
    return caught.value.problems


def outcome(raw: object, catalog: Catalog) -> Choice | OptionsError:
    try:
        return parse(raw, catalog)
    except OptionsError as refusal:
        return refusal


# -- what is taken


@pytest.mark.parametrize("raw", [{}, None, {"env": {}}, {"env": None}, {"env": ""}, OrderedDict()])
def test_nothing_chosen_gives_the_default(raw: object, sample_catalog: Catalog) -> None:
    assert parse(raw, sample_catalog) == Choice(environment="python", hardware="small")


def test_a_part_is_filled_up_from_the_default(sample_catalog: Catalog) -> None:
    assert parse({"hardware": "medium"}, sample_catalog) == Choice(environment="python", hardware="medium")
    assert parse({"environment": "minimal"}, sample_catalog) == Choice(environment="minimal", hardware="small")


def test_what_is_offered_to_a_team_is_offered_to_its_members_alone(sample_catalog: Catalog) -> None:
    raw = {"environment": "pytorch", "hardware": "gpu"}
    assert parse(raw, sample_catalog, teams=["vision"]) == Choice(environment="pytorch", hardware="gpu")
    assert problems(raw, sample_catalog, teams=["research"]) == (
        'environment: "pytorch" is not on offer. Did you mean "python"? On offer: minimal, python.',
    )


def test_variables_keep_their_order(sample_catalog: Catalog) -> None:
    choice = parse({"env": {"Z_LAST": "1", "A_FIRST": "a value with = and 'quotes'", "_EMPTY": ""}}, sample_catalog)
    assert choice.env == (("Z_LAST", "1"), ("A_FIRST", "a value with = and 'quotes'"), ("_EMPTY", ""))


def test_a_choice_survives_the_way_through_jupyterhubs_database(sample_catalog: Catalog) -> None:
    choice = parse({"environment": "minimal", "hardware": "gpu", "env": {"LANG": "de_DE.UTF-8"}}, sample_catalog)
    assert parse(json.loads(json.dumps(choice.as_user_options())), sample_catalog) == choice


# -- what is refused, and how it is said


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ({"hardware": "smal"}, f'hardware: "smal" is not on offer. Did you mean "small"? {OFFERED}'),
        ({"hardware": "Small"}, f'hardware: "Small" is not on offer. Did you mean "small"? {OFFERED}'),
        ({"hardware": ""}, f'hardware: "" is not on offer. {OFFERED}'),
        ({"hardware": "quantum"}, f'hardware: "quantum" is not on offer. {OFFERED}'),
        ({"hardware": None}, f"hardware: null is not on offer. {OFFERED}"),
        ({"hardware": 3}, f"hardware: a number is not on offer. {OFFERED}"),
        ({"hardware": True}, f"hardware: true is not on offer. {OFFERED}"),
        ({"hardware": False}, f"hardware: false is not on offer. {OFFERED}"),
        ({"hardware": 10**5000}, f"hardware: a number is not on offer. {OFFERED}"),
        ({"hardware": ["small"]}, f"hardware: a list is not on offer. {OFFERED}"),
        ({"hardware": {"small": 1}}, f"hardware: a set of named values is not on offer. {OFFERED}"),
        ({"hardware": b"small"}, f"hardware: a value of another kind is not on offer. {OFFERED}"),
        ({"hardware": "s\nm\x1b[31m\ud800"}, f'hardware: "s\\nm\\x1b[31m\\ud800" is not on offer. {OFFERED}'),
        ({"hardwar": "small"}, 'options: "hardwar" is not an option. Did you mean "hardware"? There are: '),
        ({7: "small"}, "options: a number is not an option. There are: environment, hardware, env, "),
        ({"x" * 10**6: 1}, 'options: "xxxxxx'),
        ({"data": "iris"}, 'data: "iris" is not a list of names. Write ["…"], or [] for none.'),
        ({"data": ["irsi"]}, 'data: "irsi" is not on offer. Did you mean "iris"? On offer: iris.'),
        ({"data": ["scans"]}, 'data: "scans" is not on offer. On offer: iris.'),
        ({"data": ["iris", ["iris"]]}, "data: a list is not on offer. On offer: iris."),
        ({"data": ["iris"] * 101}, "data: 101 are too many. At most 100 for one workspace."),
        ({"credentials": "hf"}, 'credentials: "hf" is not a list of names. Write ["…"], or [] for none.'),
        ({"credentials": {"hf": "x"}}, "credentials: a set of named values is not a list of names."),
        ({"credentials": [7]}, "credentials: a number is not the name of a credential. Names only, no values."),
        ({"credentials": [""]}, 'credentials: "" is not the name of a credential.'),
        ({"credentials": ["a\nb"]}, 'credentials: "a\\nb" is not the name of a credential.'),
        ({"credentials": ["x"] * 101}, "credentials: 101 are too many. At most 100 for one workspace."),
        ({"git": 7}, "git: a number is not the address of a repository. Addresses are text."),
        ({"git": ["https://git.example.org/x"]}, "git: a list is not the address of a repository."),
        ({"git": "file:///etc"}, "git: only https:// and SSH are possible."),
        ({"git": "https://ada:secret@git.example.org/x"}, "git: a password or token is in the address, and others can"),
        ({"model": 7}, "model: a number is not the name of a model package. Names are text."),
        (
            {"model": "Iris:1.0"},
            "model: this names no model package. Write NAME:VERSION, or of a team TEAM/NAME:VERSIO",
        ),
        ({"model": "../iris:1.0"}, "model: this names no model package."),
        ({"model": "iris"}, 'model: which version of "iris"? Write iris:VERSION.'),
        ({"model": "iris:latest"}, 'model: which version of "iris"? Write iris:VERSION.'),
        ({"model": "iris:-x"}, 'model: "iris" cannot have such a version.'),
        ({"home": "other"}, 'home: "other" is no kind of home. Write "empty", or leave it out for your own.'),
        ({"home": ["empty"]}, "home: a list is no kind of home."),
        ({"env": ["A=1"]}, 'env: a list is not a set of variables. Write {"NAME": "value"}.'),
        ({"env": {1: "x"}}, "env: a number is not the name of a variable. Names are text."),
        ({"env": {"A": 4}}, 'env.A: a number is not text. Write it in quotes: "…".'),
        ({"env": {"A": None}}, 'env.A: null is not text. Write it in quotes: "…".'),
        ({"env": {"1A": ""}}, 'env: "1A": not the name of a variable. Use letters, digits and _'),
        ({"env": {"": ""}}, 'env: "": not the name of a variable.'),
        ({"env": {"Ä": ""}}, 'env: "Ä": not the name of a variable.'),
        ({"env": {"A\n": ""}}, 'env: "A\\n": not the name of a variable.'),
        ({"env": {"A" * 101: ""}}, f'env: "{"A" * 59}…": the name is longer than 100 characters.'),
        ({"env": {"A": "x\ny"}}, "env.A: the value has a line break or another control character."),
        ({"env": {"A": "x\x00"}}, "env.A: the value has a line break or another control character."),
        ({"env": {"A": "\ud800"}}, "env.A: the value has a line break or another control character."),
        ({"env": {"A": "x" * 4097}}, "env.A: the value is longer than 4096 bytes."),
        ({"env": {"A": "ä" * 2049}}, "env.A: the value is longer than 4096 bytes."),
        ({"env": {f"A{n}": "" for n in range(101)}}, "env: 101 variables are too many. At most 100"),
        ({"env": "A=1\nB"}, "env: line 2 has no =. Write NAME=value, one variable on a line."),
        ({"env": "A=1\nA=2"}, 'env: line 2 gives "A" a second time. Leave one of the two out.'),
    ],
)
def test_each_mistake_names_its_field_and_its_value(raw: object, expected: str, sample_catalog: Catalog) -> None:
    (problem,) = problems(raw, sample_catalog)
    assert problem.startswith(expected)
    assert problem.isprintable()
    assert len(problem) < 300


@pytest.mark.parametrize("raw", [[], "python", b"", 0, 1.5, True, [{}], {"environment"}, object()])
def test_what_is_no_set_of_options_is_refused_as_such(raw: object, sample_catalog: Catalog) -> None:
    (problem,) = problems(raw, sample_catalog)
    assert problem == f'options: {shown(raw)} is not a set of options. Write {{"environment": "…", "hardware": "…"}}.'


def test_all_problems_are_said_at_once(sample_catalog: Catalog) -> None:
    raw = {"hardware": "smal", "environment": "pyton", "git": "x", "env": {"PATH": "/", "B": 1}}
    assert [problem.split(":")[0] for problem in problems(raw, sample_catalog)] == [
        "environment",
        "hardware",
        "env",
        "env.B",
        "git",
    ]


def test_the_text_of_the_error_is_all_its_problems(sample_catalog: Catalog) -> None:
    with pytest.raises(OptionsError) as caught:
        parse({"hardware": "smal", "git": 1}, sample_catalog)
    assert str(caught.value) == " ".join(caught.value.problems)


def test_very_many_problems_are_counted(sample_catalog: Catalog) -> None:
    found = problems({f"nonsense-{n}": n for n in range(5000)}, sample_catalog)
    assert len(found) == 13
    assert found[-1] == "And 4988 more problems."


def test_very_many_names_on_offer_are_counted(sample_catalog: Catalog) -> None:
    small = sample_catalog.hardware[0]
    many = sample_catalog.model_copy(
        update={"hardware": tuple(small.model_copy(update={"name": f"h{n}"}) for n in range(20))}
    )
    (problem,) = problems({"hardware": "quantum"}, many)
    assert problem.endswith("h10, h11 and 8 more.")


def test_a_forbidden_entry_reads_as_one_that_does_not_exist(sample_catalog: Catalog) -> None:
    without = sample_catalog.model_copy(update={"hardware": sample_catalog.hardware[:-1]})
    assert problems({"hardware": "huge"}, sample_catalog) == problems({"hardware": "huge"}, without)
    (near,) = problems({"hardware": "hug"}, sample_catalog)
    assert "huge" not in near


@pytest.mark.parametrize("field", ["environment", "hardware"])
@pytest.mark.parametrize("raw", [{}, {"environment": "python"}, {"hardware": "small"}])
def test_where_nothing_is_on_offer_it_is_said_so(field: str, raw: object, sample_catalog: Catalog) -> None:
    entries = {"environment": "environments", "hardware": "hardware"}[field]
    empty = sample_catalog.model_copy(update={entries: ()})
    assert problems(raw, empty) == (
        f"{field}: nothing is on offer to you. Ask an administrator which teams you should be in.",
    )


# -- variables that would break or endanger a workspace


@pytest.mark.parametrize(
    "name",
    [
        *sorted(RESERVED_NAMES),
        *(f"{prefix}X" for prefix in RESERVED_PREFIXES),
        *("LD_PRELOAD", "LD_LIBRARY_PATH", "PYTHONPATH", "PYTHONSTARTUP", "JUPYTERHUB_API_TOKEN", "JUPYTER_CONFIG_DIR"),
        *("NVIDIA_VISIBLE_DEVICES", "NVIDIA_DRIVER_CAPABILITIES", "STUDIOLO_READY_FD"),
    ],
)
def test_reserved_variables_are_refused(name: str, sample_catalog: Catalog) -> None:
    (problem,) = problems({"env": {name: "x"}}, sample_catalog)
    assert problem.startswith(f'env: "{name}": reserved')


SECRETS = {
    "Amazon": "AKIAIOSFODNN7EXAMPLE",
    "GitHub": "ghp_" + "a1B2" * 9,
    "GitHub, fine-grained": "github_pat_" + "a1B2" * 9,
    "GitLab": "glpat-" + "a1B2" * 5,
    "Hugging Face": "hf_" + "a1B2" * 8,
    "OpenAI": "sk-proj-" + "a1B2" * 8,
    "Slack": "xoxb-1234567890-abc",
    "Google": "AIza" + "a1B2" * 9,
    "PyPI": "pypi-AgEI" + "a1B2" * 8,
    "PEM": "-----BEGIN RSA PRIVATE KEY-----",
    "JWT": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmN",
    "address": "postgresql://ada:correct-horse@db.example.org/iris",
    "header": "Bearer abcdefghij0123456789",
}


@pytest.mark.parametrize("secret", SECRETS.values(), ids=SECRETS.keys())
@pytest.mark.parametrize("where", ["value", "name", "in text", "hardware", "key", "line", "credential", "git", "model"])
def test_a_value_that_looks_like_a_secret_is_refused_and_never_repeated(
    secret: str, where: str, sample_catalog: Catalog
) -> None:
    raw: dict[str, Any] = {
        "value": {"env": {"SETTING": secret}},
        "name": {"env": {secret: "x"}},
        "in text": {"env": {"SETTING": f"key={secret};"}},
        "hardware": {"hardware": secret},
        "key": {secret: "x"},
        "line": {"env": f"A=1\n{secret}"},
        "credential": {"credentials": [secret]},
        "git": {"git": f"https://git.example.org/{secret}"},
        "model": {"model": f"iris:{secret}"},
    }[where]
    for problem in problems(raw, sample_catalog):
        assert secret[:12] not in problem
        assert secret[-12:] not in problem


def test_the_way_out_of_a_secret_is_a_credential(sample_catalog: Catalog) -> None:
    (problem,) = problems({"env": {"SETTING": SECRETS["Hugging Face"]}}, sample_catalog)
    assert problem == (
        "env.SETTING: looks like a secret, and others can read the options of a workspace. "
        "Save it under Credentials instead: your workspaces get it from there."
    )


@pytest.mark.parametrize(
    "name",
    [
        *("HF_TOKEN", "hf_token", "apiToken", "WANDB_API_KEY", "AWS_SECRET_ACCESS_KEY", "DB_PASSWORD", "PGPASSWORD"),
        *("MYSQL_PWD", "SIGNING_PRIVATE_KEY", "GITHUB_PAT", "CLIENT_SECRET", "SSH_PASSPHRASE", "DB_PASSWD"),
    ],
)
def test_a_name_that_says_secret_is_refused_with_a_value(name: str, sample_catalog: Catalog) -> None:
    (problem,) = problems({"env": {name: "correct horse"}}, sample_catalog)
    assert problem.startswith(f"env.{name}: looks like a secret")
    assert "correct" not in problem


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TOKENIZERS_PARALLELISM", "false"),
        ("MAX_TOKENS", "4096"),
        ("USE_TOKEN", "true"),
        ("HF_TOKEN_PATH", "/home/ada/.hf-token"),
        ("GOOGLE_APPLICATION_CREDENTIALS", "/home/ada/key.json"),
        ("DB_PASSWORD", ""),
        ("COMPAT", "yes please"),
        ("HTTP_PROXY", "http://proxy.example.org:3128"),
        ("MLFLOW_TRACKING_URI", "https://mlflow.example.org/a@b"),
        ("LANG", "de_DE.UTF-8"),
    ],
)
def test_ordinary_settings_are_not_taken_for_secrets(name: str, value: str, sample_catalog: Catalog) -> None:
    assert parse({"env": {name: value}}, sample_catalog).env == ((name, value),)


# -- data


def test_data_is_chosen_by_name_once_and_in_the_order_of_the_catalog(sample_catalog: Catalog) -> None:
    assert parse({"data": ["scans", "iris", "scans"]}, sample_catalog, ["vision"]).data == ("iris", "scans")
    for nothing in ({}, {"data": []}, {"data": None}):
        assert parse(nothing, sample_catalog).data == ()
        assert "data" not in parse(nothing, sample_catalog).as_user_options()


def test_where_no_data_is_on_offer_none_can_be_had(sample_catalog: Catalog) -> None:
    empty = sample_catalog.model_copy(update={"data": ()})
    assert problems({"data": ["iris"]}, empty) == ('data: "iris" is not on offer. Nothing is.',)


@pytest.mark.parametrize(
    ("fields", "names"),
    [(["iris", "scans"], ["iris", "scans"]), ("iris", ["iris"]), (["iris,scans"], ["iris", "scans"]), ("", [])],
)
def test_a_form_or_link_names_data_in_one_field_or_several(fields: Any, names: list[str]) -> None:
    assert options_from_form({"data": fields}) == options_from_query({"data": fields}) == {"data": names}


def test_data_of_the_last_start_is_remembered_and_what_is_gone_is_said(sample_catalog: Catalog) -> None:
    choice = Choice(environment="python", hardware="small", data=("iris",))
    assert check_remembered(choice.as_user_options(), catalog=sample_catalog, teams=()) == Remembered(choice=choice)
    of_before = {**choice.as_user_options(), "data": ["scans", "iris", "old"]}
    remembered = check_remembered(of_before, catalog=sample_catalog, teams=())
    assert remembered.choice == choice
    assert remembered.note == 'The data "scans", "old" are no longer offered to you and left out.'


# -- home


def test_an_empty_home_is_asked_for_by_name_and_remembered_by_nothing(sample_catalog: Catalog) -> None:
    choice = parse({"home": "empty"}, sample_catalog)
    assert choice.has_empty_home
    assert choice.as_user_options()["home"] == "empty"
    assert options_from_form({"home": ["empty"]}) == options_from_query({"home": ["empty"]}) == {"home": "empty"}
    remembered = check_remembered(choice.as_user_options(), catalog=sample_catalog, teams=()).choice
    assert remembered == replace(choice, has_empty_home=False)
    assert "home" not in parse({}, sample_catalog).as_user_options()
    assert not parse({"home": None}, sample_catalog).has_empty_home


# -- credentials


def test_credentials_are_chosen_by_name_and_each_once(sample_catalog: Catalog) -> None:
    assert parse({"credentials": ["hub", "wandb", "hub"]}, sample_catalog).credentials == ("hub", "wandb")


def test_none_chosen_is_something_else_than_nothing_said(sample_catalog: Catalog) -> None:
    """Nothing said: all that are marked "always"."""
    assert parse({"credentials": []}, sample_catalog).credentials == ()
    assert parse({}, sample_catalog).credentials is None
    assert "credentials" not in parse({}, sample_catalog).as_user_options()
    none = parse({"credentials": []}, sample_catalog)
    assert parse(json.loads(json.dumps(none.as_user_options())), sample_catalog) == none


@pytest.mark.parametrize(
    ("fields", "names"),
    [
        ([""], []),
        (["", "hub"], ["hub"]),
        (["hub", "wandb"], ["hub", "wandb"]),
        (["hub, wandb,"], ["hub", "wandb"]),
        ("hub", ["hub"]),
    ],
)
def test_a_form_or_link_names_credentials_in_one_field_or_several(fields: Any, names: list[str]) -> None:
    assert options_from_form({"credentials": fields}) == options_from_query({"credentials": fields})
    assert options_from_form({"credentials": fields}) == {"credentials": names}


def test_credentials_of_the_last_start_are_remembered_and_what_cannot_be_read_is_not(sample_catalog: Catalog) -> None:
    choice = Choice(environment="python", hardware="small", credentials=("hub",))
    assert check_remembered(choice.as_user_options(), catalog=sample_catalog, teams=()).choice == choice
    strange = {**choice.as_user_options(), "credentials": {"hub": 1}}
    remembered = check_remembered(strange, catalog=sample_catalog, teams=()).choice
    assert remembered is not None
    assert remembered.credentials is None


# -- a repository


def test_a_repository_is_kept_as_it_was_typed_but_for_spaces_around_it(sample_catalog: Catalog) -> None:
    choice = parse({"git": " git@git.example.org:vision/iris.git#main\n"}, sample_catalog)
    assert choice.git == "git@git.example.org:vision/iris.git#main"
    assert parse(json.loads(json.dumps(choice.as_user_options())), sample_catalog) == choice


@pytest.mark.parametrize("text", ["iris:1.0", "vision/iris:3f2a", "vision-lab---0123456789abcdef/iris:3f2a"])
def test_a_package_is_kept_and_of_the_last_start_remembered(text: str, sample_catalog: Catalog) -> None:
    choice = parse({"model": f" {text}\n"}, sample_catalog)
    assert choice.model == text
    assert parse(json.loads(json.dumps(choice.as_user_options())), sample_catalog) == choice
    assert check_remembered(choice.as_user_options(), catalog=sample_catalog, teams=()) == Remembered(choice=choice)
    of_before = {**choice.as_user_options(), "model": "no name"}
    remembered = check_remembered(of_before, catalog=sample_catalog, teams=())
    assert remembered.note == "Its model package can no longer be opened and was left out."
    assert "model" not in parse({"model": ""}, sample_catalog).as_user_options()


@pytest.mark.parametrize("nothing", [None, "", "  "])
def test_no_repository_is_as_good_as_nothing_said(nothing: object, sample_catalog: Catalog) -> None:
    choice = parse({"git": nothing}, sample_catalog)
    assert choice.git is None
    assert "git" not in choice.as_user_options()


def test_the_repository_of_the_last_start_is_remembered_unless_it_cannot_be_used(sample_catalog: Catalog) -> None:
    choice = Choice(environment="python", hardware="small", git="https://git.example.org/vision/iris")
    assert check_remembered(choice.as_user_options(), catalog=sample_catalog, teams=()) == Remembered(choice=choice)
    of_before = {**choice.as_user_options(), "git": "file:///etc"}
    remembered = check_remembered(of_before, catalog=sample_catalog, teams=())
    assert remembered.choice == Choice(environment="python", hardware="small")
    assert remembered.note == "Its repository can no longer be used and was left out."


# -- form and link


def test_a_form_gives_the_same_options_as_rest(sample_catalog: Catalog) -> None:
    form = {
        "_xsrf": ["2|abc"],
        "environment": ["minimal"],
        "hardware": ["medium"],
        "env": ["# for the demo\r\nA=1\r\n\r\n  B = x=y\r\n"],
    }
    options = options_from_form(form)
    assert options == {"environment": "minimal", "hardware": "medium", "env": {"A": "1", "B": " x=y"}}
    assert parse(options, sample_catalog).env == (("A", "1"), ("B", " x=y"))


def test_empty_fields_of_a_form_are_as_good_as_none(sample_catalog: Catalog) -> None:
    assert options_from_form({"environment": [""], "hardware": ["  "], "env": ["\r\n"]}) == {}


def test_a_link_gives_the_same_options_as_a_form() -> None:
    assert options_from_query({"hardware": ["gpu"]}) == options_from_form({"hardware": ["gpu"]}) == {"hardware": "gpu"}


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        ({"hardware": ["small", "gpu"]}, "hardware: a list is not on offer."),
        ({"hardware": []}, "hardware: a list is not on offer."),
        ({"colour": ["red"]}, 'options: "colour" is not an option.'),
        ({"env": ["A=1\nnonsense"]}, "env: line 2 has no =."),
        ({"env": ["A=1", "B=2"]}, "env: a list is not a set of variables."),
        ({"hardware_file": [object()]}, 'options: "hardware_file" is not an option.'),
    ],
)
def test_a_form_filled_in_by_hand_is_refused_like_anything_else(
    form: dict[str, list[Any]], expected: str, sample_catalog: Catalog
) -> None:
    (problem,) = problems(options_from_form(form), sample_catalog)
    assert problem.startswith(expected)


# -- what a workspace was started with before


@pytest.mark.parametrize("raw", [None, {}, [], "python"])
def test_a_workspace_that_never_ran_remembers_nothing(raw: object, sample_catalog: Catalog) -> None:
    assert check_remembered(raw, catalog=sample_catalog, teams=()) == Remembered()


def test_a_choice_that_is_still_on_offer_is_remembered(sample_catalog: Catalog) -> None:
    choice = Choice(environment="pytorch", hardware="gpu", env=(("A", "1"),))
    remembered = check_remembered(choice.as_user_options(), catalog=sample_catalog, teams=["vision"])
    assert remembered == Remembered(choice=choice)


@pytest.mark.parametrize(
    ("raw", "choice", "note"),
    [
        (
            {"environment": "julia", "hardware": "medium"},
            Choice(environment="python", hardware="medium"),
            'The software "julia" is no longer offered to you; "Python" is selected instead.',
        ),
        (
            {"environment": "minimal", "hardware": "huge"},
            Choice(environment="minimal", hardware="small"),
            'The hardware "huge" is no longer offered to you; "Small" is selected instead.',
        ),
        (
            {"environment": ["julia"], "hardware": 1},
            Choice(environment="python", hardware="small"),
            (
                'The software of before is no longer offered to you; "Python" is selected instead. '
                'The hardware of before is no longer offered to you; "Small" is selected instead.'
            ),
        ),
        ({"hardware": "medium"}, Choice(environment="python", hardware="medium"), None),
        (
            {"environment": "minimal", "env": {"PATH": "/"}},
            Choice(environment="minimal", hardware="small"),
            "Its environment variables can no longer be used and were left out.",
        ),
    ],
)
def test_what_is_gone_is_replaced_by_the_default_and_said_so(
    raw: object, choice: Choice, note: str | None, sample_catalog: Catalog
) -> None:
    assert check_remembered(raw, catalog=sample_catalog, teams=()) == Remembered(choice=choice, note=note)


def test_where_nothing_is_on_offer_any_more_nothing_is_selected(sample_catalog: Catalog) -> None:
    empty = sample_catalog.model_copy(update={"hardware": ()})
    remembered = check_remembered({"environment": "python"}, catalog=empty, teams=())
    assert remembered == Remembered(note="What it was started with is no longer offered to you.")


# -- anything at all

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.binary()
    | st.sampled_from(["python", "small", "minimal", "pytorch", "environment", "env", "PATH", "A=1\nB=2"])
)
KEYS = st.sampled_from(["environment", "hardware", "env", "data", "HF_TOKEN", "A"]) | st.text() | st.integers()
ANYTHING = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4), max_leaves=12
)


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(raw=ANYTHING | st.dictionaries(KEYS, ANYTHING, max_size=4))
def test_anything_gives_a_choice_on_offer_or_a_refusal(raw: object, sample_catalog: Catalog) -> None:
    choice = outcome(raw, sample_catalog)
    if isinstance(choice, OptionsError):
        assert choice.problems
        assert all(problem.isprintable() and problem.endswith(".") for problem in choice.problems)
    else:
        assert choice.environment in {"minimal", "python"}
        assert choice.hardware in {"small", "medium", "gpu"}
        assert all(isinstance(name, str) and isinstance(value, str) for name, value in choice.env)
        assert parse(choice.as_user_options(), sample_catalog) == choice


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(raw=ANYTHING | st.dictionaries(KEYS, ANYTHING, max_size=4))
def test_whatever_is_remembered_selects_something_on_offer_or_nothing(raw: object, sample_catalog: Catalog) -> None:
    remembered = check_remembered(raw, catalog=sample_catalog, teams=())
    if remembered.choice is not None:
        assert parse(remembered.choice.as_user_options(), sample_catalog) == remembered.choice


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(form=st.dictionaries(st.sampled_from(["environment", "hardware", "env", "x"]), st.lists(st.text(), max_size=3)))
def test_any_form_gives_a_choice_on_offer_or_a_refusal(form: dict[str, list[str]], sample_catalog: Catalog) -> None:
    choice = outcome(options_from_form(form), sample_catalog)
    assert isinstance(choice, Choice) or choice.problems


def test_no_value_keeps_the_hub_busy(sample_catalog: Catalog) -> None:
    """Each of these once made a regular expression look at every pair of characters."""
    for value in ("a-" * 2000, "eyJaaaaaaaaa-" * 300, "a://" * 1000, "-----BEGIN " * 300, "a:" * 2000):
        parse({"env": {f"A{n}": value for n in range(20)}}, sample_catalog)


def test_the_path_of_the_lock_never_matters(sample_catalog: Catalog) -> None:
    elsewhere = tuple(
        entry.model_copy(update={"requirements": Path("/elsewhere")}) for entry in sample_catalog.environments
    )
    moved = sample_catalog.model_copy(update={"environments": elsewhere})
    assert parse({}, moved) == parse({}, sample_catalog)
