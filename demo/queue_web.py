"""The web pages of the virtual organisations: leases of tasks, the job agent as user_data, and a vacuum pipe."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping
from typing import Final

from aiohttp import web

from demo.site import AGENT, pipe_document
from demo.stages import Stage
from demo.story import ORGANISATIONS, Story
from demo.tasks import TaskQueue, Verdict

_STATUS: Final = {Verdict.DONE: 200, Verdict.WRONG: 400, Verdict.NO_LEASE: 409}
_QUEUES: Final = web.AppKey("queues", Mapping[str, TaskQueue])
_URL: Final = web.AppKey("url", str)
_STORY: Final = web.AppKey("story", Story)
_STAGE: Final = web.AppKey("stage", Stage)


def application(queues: Mapping[str, TaskQueue], url: str, story: Story, stage: Stage) -> web.Application:
    """The service for some queues by their VOs' names; ``url`` is where it will be found."""
    made = web.Application()
    made[_QUEUES], made[_URL], made[_STORY], made[_STAGE] = queues, url, story, stage
    made.add_routes(
        [
            web.get("/{vo}/user_data", _user_data),
            web.get("/{vo}/vacuum.pipe", _pipe),
            web.get("/{vo}/image.tar", _image),
            web.post("/{vo}/lease", _lease),
            web.post("/{vo}/leases/{lease}/done", _done),
            web.delete("/{vo}/leases/{lease}", _give_back),
        ]
    )
    return made


def _queue(request: web.Request) -> TaskQueue:
    queue = request.app[_QUEUES].get(request.match_info["vo"])
    if queue is None:
        raise web.HTTPNotFound(text="there is no such VO here")
    return queue


async def _user_data(request: web.Request) -> web.Response:
    _queue(request)
    return web.Response(body=AGENT.read_bytes(), content_type="text/plain")


async def _pipe(request: web.Request) -> web.Response:
    vo = _queue(request).name
    organisation = next(one for one in ORGANISATIONS if one.name == vo)
    return web.json_response(pipe_document(organisation, request.app[_URL], request.app[_STORY], request.app[_STAGE]))


async def _image(request: web.Request) -> web.Response:
    _queue(request)
    content = request.app[_STAGE].image()
    tag = hashlib.sha256(content).hexdigest()
    answer = web.Response(status=304) if tag in {one.value for one in request.if_none_match or ()} else None
    answer = answer or web.Response(body=content, content_type="application/x-tar")
    answer.etag = tag
    return answer


async def _lease(request: web.Request) -> web.Response:
    words = await request.json()
    lease = _queue(request).lease(str(words["machine"]), time.monotonic())
    if lease is None:
        return web.Response(status=204)
    return web.json_response({"lease": lease.id, "task": lease.task})


async def _done(request: web.Request) -> web.Response:
    words = await request.json()
    verdict = _queue(request).finish(request.match_info["lease"], str(words["answer"]), time.monotonic())
    return web.json_response({"verdict": verdict.value}, status=_STATUS[verdict])


async def _give_back(request: web.Request) -> web.Response:
    known = _queue(request).give_back(request.match_info["lease"])
    return web.Response(status=204 if known else 409)
