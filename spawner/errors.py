"""Why a workspace could not start, as one tree. What status each has over HTTP is said in `refusals` alone.

StartError                      a start failed; all below are public: their text may be shown to the person
├── OptionsError                what was asked for is not on offer, or is not an option
├── DoesNotFitError             there is no room on this machine, now or ever
├── ProgramsMissing             the software needs a program that this machine lacks
├── EnvironmentBuildFailed      the software could not be installed
├── HomeNotUsable               the home directory cannot be made or written
├── ScratchNotUsable            the folder for what may be lost cannot be made
├── DataNotUsable               data that was chosen cannot be had
├── NoUserNumber                the identity provider gives no user number that files may have
├── HomesAway                   the disk with the homes, or who makes them, does not answer
├── ServerExited                the server ended before it was ready
├── ServerNeverReady            the server ran and never answered
├── RouteNotAdded               the server ran, and the proxy did not take its address
├── ClusterAway                 the cluster could not be asked
├── ClusterStartError           (verdicts) the cluster did not start it; its code is the verdict's kind
├── CredentialsGone             a credential that was chosen does not exist any more
├── PackageGone                 (package_errors) the model package to open is not there, or not theirs
├── PackagesAway                (package_errors) nobody could say what it stands on
├── PackageSoftwareGone         (package_errors) what it stands on is not offered to them
├── PackageStandsOnOther        (package_errors) other software was chosen than it stands on
├── StartStopped                somebody stopped the start
└── UnexpectedStartFailure      everything else: a reference for the person, the rest for the log
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from spawner.ending import describe_ending
from spawner.progress import format_seconds
from studiolo.errors import StudioloError
from studiolo.problems import listed, quoted
from studiolo.quantities import format_cores, format_memory

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from spawner.admission import DoesNotFit
    from spawner.ending import Ending
    from studiolo.catalog import Environment, Hardware
    from studiolo.choice import Choice

REFERENCE_ALPHABET = "23456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Upper-case letters and digits without look-alikes (0 O, 1 I L, U V): references are read out over the telephone."""

REFERENCE_LENGTH = 5
"""24 million references: two in one log are unlikely, and five characters are remembered on the way to a colleague."""

OFFERS_SHOWN = 3
"""More buttons than this are a catalog, and the spawn page is the better one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """What the person can have instead, as one button."""

    label: str
    note: str
    choice: Choice


def new_reference() -> str:
    """A short reference that a person reads out and an administrator finds in the log: "7F3KQ"."""
    return "".join(secrets.choice(REFERENCE_ALPHABET) for _ in range(REFERENCE_LENGTH))


def offer_again(choice: Choice) -> Offer:
    """The offer to try the same choice once more."""
    return Offer(label="Try again", note="same software, same hardware", choice=choice)


def offer_empty_home(choice: Choice) -> Offer:
    """The offer to start the same beside the home, which stays as it is."""
    return Offer(
        label="Start with an empty home",
        note="same software, same hardware; what you save there is gone afterwards",
        choice=replace(choice, has_empty_home=True),
    )


def offers_on(hardware: Iterable[Hardware], choice: Choice) -> tuple[Offer, ...]:
    """The offers to start the same software on other hardware, in the given order, as many as a page shows."""
    return tuple(_offer_on(entry, choice) for entry in hardware)[:OFFERS_SHOWN]


def _offer_on(hardware: Hardware, choice: Choice) -> Offer:
    cpu = f"{format_cores(hardware.cpu.request)} CPU"
    gpu = "without a GPU" if not hardware.gpu_count else f"{hardware.gpu_count} GPU"
    return Offer(
        label=f"Start on {hardware.title}",
        note=f"{cpu} · {format_memory(hardware.memory_bytes)} · {gpu} · same files",
        choice=_on(choice, hardware),
    )


def offer_without(data: Collection[str], choice: Choice) -> Offer:
    """The offer to start the same without some of its data."""
    left = tuple(name for name in choice.data if name not in data)
    return Offer(label="Start without it", note="same software, same hardware", choice=replace(choice, data=left))


def _on(choice: Choice, hardware: Hardware) -> Choice:
    return replace(choice, hardware=hardware.name)


class StartError(StudioloError):
    """A workspace could not start: what happened, why, and what the person can do or have instead."""

    code = "start_failed"

    def __init__(
        self,
        sentence: str,
        *,
        cause: str = "",
        hint: str = "",
        offers: Sequence[Offer] = (),
        log_tail: Sequence[str] = (),
    ) -> None:
        """`cause` and `hint` are whole sentences or nothing; `log_tail` is what the failed program said last."""
        super().__init__(sentence, hint=hint)
        self.sentence = sentence
        self.cause = cause
        self.offers = tuple(offers)
        self.log_tail = tuple(log_tail)
        self.reference = new_reference()

    @property
    def text(self) -> str:
        """All of it as one paragraph: what happened, why, what to do."""
        return " ".join(part for part in (self.sentence, self.cause, self.hint) if part)


class OptionsError(StartError):
    """What was asked for is not on offer, or is not an option. Says so for everything at once."""

    code = "options_invalid"

    def __init__(self, problems: Sequence[str]) -> None:
        """`problems` are whole sentences, each naming its field."""
        super().__init__(" ".join(problems))
        self.problems = tuple(problems)


class DoesNotFitError(StartError):
    """There is no room on this machine, now or ever."""

    code = "does_not_fit"

    def __init__(
        self,
        asked: Hardware,
        verdict: DoesNotFit,
        *,
        alternatives: Sequence[Hardware] = (),
        offers: Sequence[Offer] = (),
    ) -> None:
        """`alternatives` fit now, nearest in size first; whoever knows the software makes `offers` of them."""
        when = "now" if verdict.later else "at all"
        super().__init__(
            f'"{asked.title}" does not fit on this machine {when}.',
            cause=f"It {verdict.reason}.",
            hint=_what_fits(verdict, alternatives),
            offers=offers,
        )
        self.asked = asked
        self.verdict = verdict
        self.alternatives = tuple(alternatives)


def _what_fits(verdict: DoesNotFit, alternatives: Sequence[Hardware]) -> str:
    if alternatives:
        titles = [f'"{entry.title}"' for entry in alternatives[:OFFERS_SHOWN]]
        return f"What fits now: {listed(titles)}."
    if verdict.later:
        return "Nothing else fits now either. Stop a workspace that you do not need, or try again when one has ended."
    return "Nothing else on offer fits now either. Ask an administrator for hardware that fits this machine."


class ProgramsMissing(StartError):
    """The software needs a program that this machine lacks."""

    code = "programs_missing"

    def __init__(self, environment: Environment, programs: Sequence[str]) -> None:
        super().__init__(
            f'"{environment.title}" cannot run on this machine.',
            cause=f"It needs {listed(programs)}, which is not installed here.",
            hint="Choose other software, or ask an administrator to install it.",
        )
        self.programs = tuple(programs)


class EnvironmentBuildFailed(StartError):
    """The software could not be installed."""

    code = "environment_build_failed"

    def __init__(
        self, environment: Environment, reason: str, *, log_tail: Sequence[str] = (), offers: Sequence[Offer] = ()
    ) -> None:
        """`reason` is what the installer said, as a sentence."""
        super().__init__(
            f'The software "{environment.title}" could not be installed.',
            cause=reason,
            hint="Try again, or choose other software. If it goes on, tell an administrator the reference.",
            offers=offers,
            log_tail=log_tail,
        )


class HomeNotUsable(StartError):
    """The home directory cannot be made or written."""

    code = "home_not_usable"

    def __init__(self, reason: str, *, offers: Sequence[Offer] = ()) -> None:
        """`reason` is what the system said: "No space left on device"."""
        super().__init__(
            "Your home directory cannot be used.",
            cause=f"The machine said: {reason.rstrip('.')}.",
            hint="Start with an empty home, or tell an administrator the reference: nothing in your home was changed.",
            offers=offers,
        )


class HomesAway(StartError):
    """The disk with the homes, or who makes them, does not answer."""

    code = "homes_away"

    def __init__(self, reason: str, *, offers: Sequence[Offer] = ()) -> None:
        """`reason` is a whole sentence: who did not answer, and how long it was waited for."""
        super().__init__(
            "Your home directory does not answer, so your workspace was not started without it.",
            cause=reason,
            hint="Try again in a minute, or start with an empty home. Your files are as they were.",
            offers=offers,
        )


class NoUserNumber(StartError):
    """Each person has a user number of their own here, and this one has none that files may have."""

    code = "no_user_number"

    def __init__(self, reason: str, *, contact: str) -> None:
        """`reason` is a whole sentence; `contact` is whom to ask."""
        super().__init__(
            "Your workspace was not started: it is not known which user number your files have.",
            cause=reason,
            hint=f"Ask {contact}, then start it again. Nothing in your home was changed.",
        )


class ScratchNotUsable(StartError):
    """The folder for what may be lost cannot be made."""

    code = "scratch_not_usable"

    def __init__(self, reason: str) -> None:
        """`reason` is what the system said: "No space left on device"."""
        super().__init__(
            "The scratch folder of your workspace cannot be made.",
            cause=f"The machine said: {reason.rstrip('.')}.",
            hint="Choose hardware without scratch, or tell an administrator the reference.",
        )


class DataNotUsable(StartError):
    """Data that was chosen cannot be had."""

    code = "data_not_usable"

    def __init__(self, title: str, reason: str, *, offers: Sequence[Offer] = ()) -> None:
        """`title` is the entry's, `reason` a whole sentence."""
        super().__init__(
            f'Your workspace cannot have the data "{title}".',
            cause=reason,
            hint="Start without it, or tell an administrator the reference.",
            offers=offers,
        )


class ServerExited(StartError):
    """The server ended before it was ready."""

    code = "server_exited"

    def __init__(self, ending: Ending, *, offers: Sequence[Offer] = ()) -> None:
        super().__init__(
            "The server of your workspace ended before it was ready.",
            cause=describe_ending(ending),
            hint="The last lines of its log say more. Try again, or choose hardware with more memory.",
            offers=offers,
            log_tail=ending.log_tail,
        )
        self.ending = ending


class ServerNeverReady(StartError):
    """The server ran and never answered."""

    code = "server_never_ready"

    def __init__(self, seconds: float, *, log_tail: Sequence[str] = (), offers: Sequence[Offer] = ()) -> None:
        super().__init__(
            f"The server of your workspace did not answer within {format_seconds(seconds)}.",
            cause="It was stopped.",
            hint="Try again. If it goes on, tell an administrator the reference.",
            offers=offers,
            log_tail=log_tail,
        )


class RouteNotAdded(StartError):
    """The server ran, and the proxy did not take its address."""

    code = "route_not_added"

    def __init__(self, *, offers: Sequence[Offer] = ()) -> None:
        super().__init__(
            "Your workspace ran and could not be reached.",
            cause="The proxy, through which people reach it, did not take its address. So it was stopped.",
            hint="Try again in a minute. If it goes on, tell an administrator the reference.",
            offers=offers,
        )


class ClusterAway(StartError):
    """The cluster could not be asked."""

    code = "cluster_away"

    def __init__(self, seconds: float, *, offers: Sequence[Offer] = ()) -> None:
        super().__init__(
            "The cluster does not answer.",
            cause=f"It was asked for {format_seconds(seconds)}.",
            hint="Try again in a few minutes. Workspaces that run go on, and nothing of yours was changed.",
            offers=offers,
        )


class CredentialsGone(StartError):
    """A credential that was chosen for this workspace does not exist any more. The person may start without it."""

    code = "credentials_gone"

    def __init__(self, names: Sequence[str], choice: Choice) -> None:
        """`choice` is what was asked for, with these names in it."""
        one = len(names) == 1
        left = tuple(name for name in choice.credentials or () if name not in names)
        super().__init__(
            f"The credential{'' if one else 's'} {listed([quoted(name) for name in names])} "
            f"{'does' if one else 'do'} not exist any more.",
            cause=("It was" if one else "They were") + " removed or renamed since, or you have left the team."
            if any("/" in name for name in names)
            else "It was removed or renamed since it was chosen."
            if one
            else "They were removed or renamed.",
            hint=f"Start without {'it' if one else 'them'}, or add {'it' if one else 'them'} again under Credentials.",
            offers=(
                Offer(
                    label=f"Start without {'it' if one else 'them'}",
                    note="same software, same hardware, same files",
                    choice=replace(choice, credentials=left),
                ),
            ),
        )
        self.names = tuple(names)


class StartStopped(StartError):
    """Somebody stopped the start."""

    code = "start_stopped"

    def __init__(self, *, offers: Sequence[Offer] = ()) -> None:
        super().__init__("This start was stopped.", hint="Your files are as they were.", offers=offers)


class UnexpectedStartFailure(StartError):
    """Something went wrong that nobody thought of. The person gets a reference, the log gets everything."""

    code = "unexpected"

    def __init__(self, *, offers: Sequence[Offer] = ()) -> None:
        super().__init__("", offers=offers)
        self.sentence = f"We could not start your workspace (ref {self.reference})."
        self.args = (self.sentence,)
        self.cause = "This is a fault of ours, not of your choice."
        self.hint = "Try again. If it goes on, tell an administrator the reference."
