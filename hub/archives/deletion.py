"""Who is deleted leaves a home, and the services process is told of it, or the account is not deleted."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from jupyterhub.utils import maybe_future
from tornado import web

from studiolo.client_errors import ClientError

if TYPE_CHECKING:
    from collections.abc import Callable

    from studiolo.client import Studiolo


def remember_the_deleted(authenticator: Any, client: Studiolo) -> None:
    """From here on an account is deleted once it is written down that its home is to be put aside.

    JupyterHub tells its authenticator of each account before it removes it, whoever asked for it and how. Where it
    is written down and the account stays after all, the home stays too: accounts are looked for when it is due.
    """
    forget_account: Callable[[Any], Any] = authenticator.delete_user

    async def delete_user(user: Any) -> None:
        try:
            await client.account_deleted(user.name)
        except ClientError as error:
            raise web.HTTPError(
                HTTPStatus.SERVICE_UNAVAILABLE,
                "That this person's home is to be put aside could not be written down, so the account is kept: %s "
                "Try again in a minute.",
                str(error),
            ) from error
        await maybe_future(forget_account(user))

    authenticator.delete_user = delete_user
