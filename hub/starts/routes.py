"""REST about starts, for hub and spawner."""

from __future__ import annotations

from pydantic import ValidationError
from tornado import web

from hub.auth import HubOnlyHandler
from hub.capacity.actions import remember
from hub.starts.actions import record_start
from studiolo.wire import Expectations, StartRecord


class StartsHandler(HubOnlyHandler):
    """`POST api/starts`: a start that ended, one way or the other."""

    async def post(self) -> None:
        """201 and nothing more."""
        try:
            start = StartRecord.model_validate_json(self.request.body)
        except ValidationError as error:
            problems = "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors())
            raise web.HTTPError(400, "This is not a start: %s", problems) from error
        await record_start(self.services.database, start)
        await remember(self.services.database, start)
        self.set_status(201)


class ExpectationsHandler(HubOnlyHandler):
    """`GET api/expectations`: how long starts are expected to take."""

    async def get(self) -> None:
        """How long each stage took, and how good the forecasts were."""
        learned = await self.services.lessons.learned()
        answer = Expectations(stages=learned.stages, accuracy=learned.accuracy, claims=learned.claims)
        self.write(answer.model_dump_json())
