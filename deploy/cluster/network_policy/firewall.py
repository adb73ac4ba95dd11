"""The only place that runs nft: replaces, removes and reads our one table."""

from __future__ import annotations

import asyncio
import re

from deploy.cluster.network_policy.rules import TABLE, VERSION_COMMENT
from studiolo.errors import StudioloError


class RulesRefusedError(StudioloError):
    """The machine did not take the rules; what was in force before still is."""

    code = "network_policy_rules_refused"


async def replace_table(ruleset: str) -> None:
    """Put what `render_ruleset` gave into force in one step: no packet meets half of it."""
    code, _, complaint = await _nft("-f", "-", stdin=ruleset)
    if code:
        raise RulesRefusedError(
            f"nft did not take the network policies' rules: {complaint.strip()[:2000]}",
            hint="The rules from before stay in force. If nft itself is missing: apt install nftables.",
        )


async def remove_table() -> None:
    """Take the rules away; nothing happens when there are none."""
    # Declared first, a table that is not there is no error: `nft destroy` does not exist in Debian 12's nft.
    code, _, complaint = await _nft("-f", "-", stdin=f"table {TABLE} {{}}\ndelete table {TABLE}\n")
    if code:
        raise RulesRefusedError(
            f"nft could not remove the table {TABLE}: {complaint.strip()[:2000]}",
            hint=f"Remove it by hand: nft delete table {TABLE}",
        )


async def version_in_force() -> str | None:
    """The version of the newest policy change that the rules contain; None when our table is not there."""
    code, answer, _ = await _nft("--terse", "list", "table", *TABLE.split())  # Debian 12's --json leaves comments out
    found = re.search(f'comment "{VERSION_COMMENT}([^"]*)"', answer)
    return found[1] if found and not code else None


async def _nft(*arguments: str, stdin: str = "") -> tuple[int, str, str]:
    try:
        process = await asyncio.create_subprocess_exec(
            "nft",
            *arguments,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
    except FileNotFoundError as missing:
        return 127, "", str(missing)
    out, err = await process.communicate(stdin.encode())
    return process.returncode or 0, out.decode(), err.decode()
