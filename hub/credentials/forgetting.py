"""Who is deleted leaves no credentials: somebody who is given the same name later would have them in a workspace."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from jupyterhub.utils import maybe_future
from tornado import web

from studiolo.client_errors import ClientError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from studiolo.client import Studiolo


def forget_the_deleted(authenticator: Any, client: Studiolo) -> None:
    """From here on an account is deleted together with its credentials, or not at all.

    JupyterHub tells its authenticator of each account before it removes it; what is raised there stops it.
    """
    forget_account: Callable[[Any], Any] = authenticator.delete_user

    async def delete_user(user: Any) -> None:
        await _forget_credentials(client.forget_credentials(user.name))
        await maybe_future(forget_account(user))

    authenticator.delete_user = delete_user


async def _forget_credentials(forgetting: Awaitable[None]) -> None:
    try:
        await forgetting
    except ClientError as error:
        raise web.HTTPError(
            HTTPStatus.SERVICE_UNAVAILABLE,
            "This person's credentials could not be removed, so the account is kept: %s Try again in a minute.",
            str(error),
        ) from error
