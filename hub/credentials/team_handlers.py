"""What the hub itself says and does about teams: who stands where, and that a team goes with its credentials."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from jupyterhub import orm
from jupyterhub.apihandlers.base import APIHandler
from jupyterhub.apihandlers.groups import GroupAPIHandler
from jupyterhub.scopes import needs_scope
from tornado import web

from studiolo.client_errors import ClientError


class StandingApi(APIHandler):  # type: ignore[misc]  # JupyterHub has no types
    """`GET /hub/api/studiolo/standing/USER`: what the services process needs to know for its rights, at one go."""

    @needs_scope("read:groups")  # type: ignore[untyped-decorator]  # JupyterHub has no types
    def get(self, user_name: str) -> None:
        """`{"is_admin": false, "teams": [{"name", "leads", "is_member"}]}`; of an administrator, all there are."""
        user = self.find_user(user_name)
        if user is None:
            raise web.HTTPError(HTTPStatus.NOT_FOUND, "There is nobody of this name.")
        own = {group.name: group.properties for group in user.groups}
        found = dict(self.db.query(orm.Group.name, orm.Group.properties).all()) if user.admin else own
        leads = self._who_lead({name: _named_leads(properties) for name, properties in found.items()})
        teams = [{"name": name, "leads": leads[name], "is_member": name in own} for name in sorted(found)]
        self.write({"is_admin": bool(user.admin), "teams": teams})

    def _who_lead(self, named: dict[str, list[str]]) -> dict[str, list[str]]:
        """Of those that teams name as their leads, the ones who are in them. Asks once, and for no other member."""
        everybody = {name for leads in named.values() for name in leads}
        members = self.db.query(orm.Group.name, orm.User.name).join(orm.Group.users)
        pairs = {(team, name) for team, name in members.filter(orm.User.name.in_(everybody))} if everybody else set()
        return {team: [name for name in leads if (team, name) in pairs] for team, leads in named.items()}


class TeamApi(GroupAPIHandler):  # type: ignore[misc]  # JupyterHub has no types
    """`/hub/api/groups/TEAM`, as JupyterHub has it; but a team goes together with its credentials, or not at all."""

    @needs_scope("delete:groups")  # type: ignore[untyped-decorator]  # JupyterHub has no types
    async def delete(self, group_name: str) -> None:
        """A later team of the same name must not inherit them."""
        self.find_group(group_name)
        try:
            await self.settings["studiolo_services"].forget_team_credentials(group_name)
        except ClientError as error:
            raise web.HTTPError(
                HTTPStatus.SERVICE_UNAVAILABLE,
                "The credentials of this team could not be removed, so the team is kept: %s Try again in a minute.",
                str(error),
            ) from error
        super().delete(group_name)


def _named_leads(properties: Any) -> list[str]:
    """Who should lead a team. Its properties can be written by any administrator, and may be anything."""
    leads = properties.get("leads") if isinstance(properties, dict) else None
    return [name for name in leads if isinstance(name, str)] if isinstance(leads, list) else []


def handlers() -> list[tuple[Any, ...]]:
    """To be placed before JupyterHub's own; paths are relative to the hub's prefix."""
    return [
        (r"/api/studiolo/standing/([^/]+)", StandingApi),
        (r"/api/groups/([^/]+)", TeamApi),
    ]
