"""An API server with thousands of nodes and tens of thousands of pods that are not there, for whoever follows them.

Pods come and go at a steady rate as a kubelet tells of them, nodes say every five minutes that they are well, and now
and then somebody takes the place of a pod that gives way. Its objects are bytes made when they are asked for: a
process of its own plays a large cluster and takes little of the machine that the measured one runs on.
`python -m bench.replayed_cluster NODES PODS CHANGES` prints its address; `GET /told` counts what was asked of it.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import sys
from collections import Counter, deque
from typing import TYPE_CHECKING, Any, Final

from aiohttp import web

from bench.forecast import GIB, ZONES, image
from bench.forecast import node as node_sketch
from hub.capacity.placeholder import PLACEHOLDER
from spawner.installation import KIND_LABEL
from spawner.pod_facts import CONTAINER
from tests.fakes.kubernetes_objects import selects

if TYPE_CHECKING:
    from collections.abc import Iterator

WORKSPACES: Final = "work"
OTHERS: Final = "others"
POD_BYTES: Final = 7_000
"""JSON of a user's pod in a real cluster, most of it spec and managed fields."""

SPARE_IMAGES: Final = 30
"""What a kubelet tells of beside those of the catalog, up to fifty: two names each."""

NODE_SECONDS: Final = 300.0
"""How often a kubelet tells of a node of which nothing has changed."""

GIVES_WAY_SECONDS: Final = 5.0
"""A slot is taken so often."""

REMEMBERED: Final = 50_000
NUMBER, NODE, VERSION = "@number@", "@node@", "@version@"
OURS_OF: Final = 10
"""One pod of so many is a workspace of ours."""


def padded(body: dict[str, Any], size: int) -> dict[str, Any]:
    """With environment as long as people's."""
    env = body["spec"]["containers"][0].setdefault("env", [])
    while len(json.dumps(body)) < size:
        env.append({"name": f"VARIABLE_{len(env)}", "value": f"value {len(env)} of somebody"})
    return body


def pod_template(cpu: str, memory: str, *, has_gpu: bool, namespace: str) -> str:
    """A pod's JSON without what differs between two of its sort."""
    requests = {"cpu": cpu, "memory": memory, **({"nvidia.com/gpu": "1"} if has_gpu else {})}
    name = f"pod-{NUMBER}"
    body = {
        "metadata": {"name": name, "namespace": namespace, "uid": f"uid-{NUMBER}", "resourceVersion": VERSION},
        "spec": {
            "nodeName": NODE,
            "priority": 0,
            "containers": [{"name": "main", "image": image(3), "resources": {"requests": requests}}],
        },
        "status": {
            "phase": "Running",
            "startTime": "2026-11-27T12:00:00Z",
            "containerStatuses": [{"name": "main", "ready": True, "state": {"running": {}}}],
        },
    }
    return json.dumps(padded(body, POD_BYTES))


SORTS: Final = tuple(itertools.product(("500m", "2", "6"), ("1Gi", "8Gi", "25Gi")))
TEMPLATES: Final = {
    (sort, has_gpu, namespace): pod_template(*sort, has_gpu=has_gpu, namespace=namespace)
    for sort in SORTS
    for has_gpu in (False, True)
    for namespace in (WORKSPACES, OTHERS)
}


class ReplayedCluster:
    """See the head of this file."""

    def __init__(self, *, nodes: int, pods: int) -> None:
        """All of them are there, and nothing has happened."""
        self.node_count, self.version = nodes, 1000
        self.numbers = dict.fromkeys(range(pods))
        """Of the pods that are there, the oldest first."""
        self.next_number = pods
        self.slots: dict[str, dict[str, Any]] = {}
        """What was asked to be made, by name."""
        self.told: Counter[str] = Counter()
        self._nodes = [json.dumps(node_json(index)) for index in range(nodes)]
        self._changes: deque[tuple[int, str, str, bytes]] = deque(maxlen=REMEMBERED)
        self._watches: set[tuple[str, str, asyncio.Queue[bytes]]] = set()
        self._lists: dict[str, tuple[str, list[str]]] = {}

    # What happens

    def node_of(self, number: int) -> int:
        """Where a pod is: always the same node, in no order."""
        return number * 7919 % self.node_count

    def pod(self, number: int, *, version: int = 1) -> str:
        """A pod's JSON."""
        where = self.node_of(number)
        namespace = OTHERS if number % OURS_OF else WORKSPACES
        template = TEMPLATES[SORTS[number % len(SORTS)], where % ZONES == 0, namespace]
        named = template.replace(NUMBER, str(number)).replace(NODE, f"node-{where}")
        return named.replace(VERSION, str(version))

    def node(self, index: int, *, version: int = 1) -> str:
        """A node's JSON."""
        return self._nodes[index].replace(VERSION, str(version))

    def tell(self, kind: str, resource: str, namespace: str, body: str) -> None:
        """To everybody who watches, and to who comes later. The body's version is the newest."""
        line = f'{{"type":"{kind}","object":{body}}}\n'.encode()
        self._changes.append((self.version, resource, namespace, line))
        for watched, where, queue in self._watches:
            if watched == resource and where in {"", namespace}:
                queue.put_nowait(line)

    def come_and_go(self) -> None:
        """A pod comes, as scheduler and kubelet tell of it in three steps; the oldest goes in two."""
        number, gone = self.next_number, next(iter(self.numbers))
        self.next_number += 1
        self.numbers[number] = self.numbers.pop(gone)
        steps = (("ADDED", number), *[("MODIFIED", number)] * 2, ("MODIFIED", gone), ("DELETED", gone))
        for kind, one in steps:
            self.version += 1
            body = self.pod(one, version=self.version)
            if kind == "ADDED":
                body = body.replace(f'"nodeName": "node-{self.node_of(one)}", ', "")
            self.tell(kind, "pods", OTHERS if one % OURS_OF else WORKSPACES, body)

    def heartbeat(self, index: int) -> None:
        """A node says that it is well."""
        self.version += 1
        self.tell("MODIFIED", "nodes", "", self.node(index % self.node_count, version=self.version))

    def give_way(self) -> None:
        """A slot ends, as one does in whose place a workspace comes."""
        held = [name for name, slot in self.slots.items() if slot["status"]["phase"] == "Running"]
        if held:
            slot = self.slots[held[0]]
            slot["status"]["phase"] = "Failed"
            self._tell_slot("DELETED", slot)  # for who wants to know of unfinished ones alone

    def _tell_slot(self, kind: str, slot: dict[str, Any]) -> None:
        self.version += 1
        slot["metadata"]["resourceVersion"] = str(self.version)
        self.tell(kind, "pods", slot["metadata"]["namespace"], json.dumps(slot))

    async def live(self, changes: float) -> None:
        """All of it, for ever, at steady rates. `changes`: pods that come, and as many that go, each second."""
        loop = asyncio.get_running_loop()
        began, done = loop.time(), Counter[str]()
        rates = {"pod": changes, "node": self.node_count / NODE_SECONDS, "slot": 1 / GIVES_WAY_SECONDS}
        while True:
            await asyncio.sleep(0.05)
            for what, rate in rates.items():
                while done[what] < (loop.time() - began) * rate:
                    done[what] += 1
                    if what == "pod":
                        self.come_and_go()
                    elif what == "node":
                        self.heartbeat(done[what])
                    else:
                        self.give_way()

    # What is asked

    def app(self) -> web.Application:
        """Lists, watches, and pods that are made and removed."""
        app = web.Application(client_max_size=2**22)
        app.router.add_get("/told", self._told)
        app.router.add_get("/api/v1/{resource:nodes|pods}", self._read)
        app.router.add_get("/api/v1/namespaces/{namespace}/{resource:pods}", self._read)
        app.router.add_post("/api/v1/namespaces/{namespace}/pods", self._create)
        app.router.add_delete("/api/v1/namespaces/{namespace}/pods/{name}", self._delete)
        app.router.add_route("*", "/{path:.*}", self._unknown)
        return app

    async def _told(self, _: web.Request) -> web.Response:
        return web.json_response(self.told)

    async def _unknown(self, request: web.Request) -> web.Response:
        self.told[f"unknown {request.method} {request.path}"] += 1
        return web.json_response({"kind": "Status", "message": "not here", "code": 404}, status=404)

    async def _read(self, request: web.Request) -> web.StreamResponse:
        resource, namespace = request.match_info["resource"], request.match_info.get("namespace", "")
        if "watch" in request.query:
            self.told[f"watch {resource}"] += 1
            return await self._watch(request, resource, namespace)
        self.told[f"list {resource}"] += 1
        token = request.query.get("continue", "")
        version, left = self._lists.pop(token) if token else (str(self.version), self._chosen(request))
        size = int(request.query.get("limit") or len(left) or 1)
        page, rest = left[:size], left[size:]
        metadata = {"resourceVersion": version}
        if rest:
            metadata["continue"] = f"{version}-{len(rest)}-{namespace}"
            self._lists[metadata["continue"]] = (version, rest)
        kind = "NodeList" if resource == "nodes" else "PodList"
        items = ",".join(self._body(resource, one) for one in page)
        text = f'{{"kind":"{kind}","metadata":{json.dumps(metadata)},"items":[{items}]}}'
        return web.Response(text=text, content_type="application/json")

    def _chosen(self, request: web.Request) -> list[str]:
        """What a list is about, by name or number."""
        if request.match_info["resource"] == "nodes":
            return [str(index) for index in range(self.node_count)]
        namespace = request.match_info.get("namespace", "")
        slots = [name for name, slot in self.slots.items() if selects(request.query, slot)]
        if namespace in {"", WORKSPACES} and "labelSelector" not in request.query:
            return slots + [str(one) for one in self.numbers if not namespace or not one % OURS_OF]
        return slots

    def _body(self, resource: str, one: str) -> str:
        if resource == "nodes":
            return self.node(int(one))
        return json.dumps(self.slots[one]) if one in self.slots else self.pod(int(one)) if one.isdecimal() else "{}"

    async def _watch(self, request: web.Request, resource: str, namespace: str) -> web.StreamResponse:
        since = int(request.query["resourceVersion"])
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        queue: asyncio.Queue[bytes] = asyncio.Queue()
        # The latest stand at the end; whoever watches has usually seen all others.
        missed = itertools.takewhile(lambda change: change[0] > since, reversed(self._changes))
        for line in reversed([one[3] for one in missed if one[1] == resource and namespace in {"", one[2]}]):
            queue.put_nowait(line)
        watch = (resource, namespace, queue)
        self._watches.add(watch)
        try:
            async with asyncio.timeout(float(request.query["timeoutSeconds"])):
                while True:
                    await response.write(b"".join([await queue.get(), *drained(queue)]))
        except (TimeoutError, ConnectionError):
            pass
        finally:
            self._watches.discard(watch)
        return response

    async def _create(self, request: web.Request) -> web.Response:
        pod: dict[str, Any] = await request.json()
        name = pod["metadata"]["name"]
        kind = pod["metadata"].get("labels", {}).get(KIND_LABEL, "pod")
        self.told[f"create {kind}"] += 1
        if name in self.slots:
            return web.json_response({"kind": "Status", "message": "there already", "code": 409}, status=409)
        self.slots[name] = pod
        pod["metadata"] |= {"namespace": request.match_info["namespace"], "uid": f"uid-of-{name}-{self.version}"}
        pod["spec"] |= {"nodeName": f"node-{hash(name) % self.node_count}", "priority": -10}
        if kind == PLACEHOLDER:
            pod["status"] = {"phase": "Running"}
            self._tell_slot("ADDED", pod)
        else:  # it fetches an image and starts nothing: as soon as it is asked for, it has ended
            ended = {"terminated": {"reason": "StartError", "exitCode": 128}}
            pod["status"] = {"phase": "Failed", "containerStatuses": [{"name": CONTAINER, "state": ended}]}
        return web.json_response(pod, status=201)

    async def _delete(self, request: web.Request) -> web.Response:
        self.told["delete pods"] += 1
        slot = self.slots.pop(request.match_info["name"], None)
        if slot is None:
            return web.json_response({"kind": "Status", "message": "none", "code": 404}, status=404)
        if slot["status"]["phase"] == "Running":
            self._tell_slot("DELETED", slot)
        return web.json_response(slot)


def drained(queue: asyncio.Queue[bytes]) -> Iterator[bytes]:
    """What is there without waiting."""
    while not queue.empty():
        yield queue.get_nowait()


def node_json(index: int) -> dict[str, Any]:
    """A node as a large cluster has it, with fifty images of two names each."""
    sketch = node_sketch(index)
    spare = [
        {"names": [image(100 + number), f"registry.example.org/tool-{number}:1"], "sizeBytes": GIB}
        for number in range(SPARE_IMAGES)
    ]
    sketch["metadata"] |= {"uid": f"node-uid-{index}", "resourceVersion": VERSION}
    sketch["status"]["images"] += spare
    sketch["status"]["nodeInfo"] = {"kubeletVersion": "v1.34.4", "osImage": "Debian GNU/Linux 12", "x": "y" * 500}
    return sketch


async def serve(nodes: int, pods: int, changes: float) -> None:
    """For ever; the first line printed is the address."""
    cluster = ReplayedCluster(nodes=nodes, pods=pods)
    runner = web.AppRunner(cluster.app(), access_log=None, shutdown_timeout=0.1, handler_cancellation=True)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print(f"http://127.0.0.1:{runner.addresses[0][1]}", flush=True)
    await cluster.live(changes)


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])))
