"""JupyterHub's own users and database around a spawner, without its web server and its proxy."""

from __future__ import annotations

import gc
import warnings
from typing import Any, Generic, TypeVar

import pytest
from jupyterhub import orm, roles
from jupyterhub.httpclient import JupyterHubHTTPClient
from jupyterhub.objects import Hub
from jupyterhub.spawner import SpawnException
from jupyterhub.user import User
from sqlalchemy import StaticPool, create_engine
from sqlalchemy.orm import sessionmaker

SpawnerT = TypeVar("SpawnerT")


class HubObjects(Generic[SpawnerT]):
    """One person, alice, and a database in memory that outlives `restart`."""

    def __init__(self, spawner_class: type[SpawnerT]) -> None:
        self.spawner_class = spawner_class
        self.engine = create_engine("sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False})
        orm.register_foreign_keys(self.engine)
        orm.Base.metadata.create_all(self.engine)
        self.db = sessionmaker(self.engine, expire_on_commit=False)()
        for role in roles.get_default_roles():
            roles.create_role(self.db, role)
        self.db.add(orm.OAuthClient(identifier="jupyterhub", redirect_uri=""))
        self.orm_user = orm.User(name="alice")
        self.db.add(self.orm_user)
        self.db.commit()
        roles.assign_default_roles(self.db, entity=self.orm_user)

    def restart(self) -> None:
        """What JupyterHub had in memory is gone."""
        hub = Hub()
        hub.public_host = ""
        settings = {"spawner_class": self.spawner_class, "hub": hub, "allow_named_servers": True}
        self.user = User(self.orm_user, settings)

    def spawner(self, server: str = "") -> SpawnerT:
        found: SpawnerT = self.user.get_spawner(server)
        return found

    async def start(self, options: Any = None, server: str = "") -> SpawnerT:
        """As JupyterHub does on a request: it waits until the server answers."""
        spawner: SpawnerT = self.user.get_or_create_spawner(server, server, replace_failed=True)
        await self.user.spawn(server, server, options=options)
        return spawner

    async def fails(self, options: Any = None, server: str = "") -> tuple[SpawnException, SpawnerT]:
        spawner: SpawnerT = self.user.get_or_create_spawner(server, server)
        with pytest.raises(SpawnException) as caught:
            await self.user.spawn(server, server, options=options)
        return caught.value, spawner

    async def close(self) -> None:
        await JupyterHubHTTPClient.loop_instance().close()
        self.db.close()
        self.engine.dispose()
        with warnings.catch_warnings():
            # JupyterHub never reads the answers it waits for; how much of a connection is left then is chance.
            warnings.filterwarnings("ignore", "Unclosed connection|unclosed (transport|<socket)", ResourceWarning)
            gc.collect()
