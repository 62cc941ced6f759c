"""The model services of a release on Kubernetes, woken before a sweep asks them and put back afterwards.

What a service scales between is in its RayService, in the Serve configuration. To wake it is to raise `min_replicas`
there, which changes it in place; Ray's autoscaler then asks for the nodes. What stood there before is noted on the
RayService itself, so that a sweep which was killed and is started again still puts it back.
"""

import asyncio
import json
import time
from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, cast

from earwitness.errors import NotFound, NotReady
from earwitness.kube import MANAGER, Conflict, Kube, Tree, is_ready

NOTE = "earwitness.io/woken"
"""The annotation with the Serve configuration from before, and the one that took its place."""
SERVICE = "earwitness.io/service"
COMPONENT = "app.kubernetes.io/component"
LOOK_EVERY_S = 2.0
WITHIN_S = 1800.0
"""As long as a first start may take by the chart's `initializingTimeout`."""
CONFLICTS, PAUSE_S = 30, 0.2
"""KubeRay writes the status of a RayService about every two seconds."""
Say = Callable[[str], None]


@dataclass(frozen=True, kw_only=True, slots=True)
class Model:
    """A model service, as its RayService describes it."""

    object: str
    """The RayService's name."""
    name: str
    """Its key under `services` in the chart's values."""
    kind: str
    """captioner, llm or lalm."""
    address: str
    most: int
    """Replicas that it may grow to."""
    scales: bool
    """Whether the number of replicas is not fixed."""


@dataclass(kw_only=True, slots=True)
class Fleet:
    """The model services of one release. For one event loop."""

    kube: Kube
    release: str
    say: Say = print
    replicas: int = 0
    """How many each gets while it is asked; 0 for as many as it may have."""
    within_s: float = WITHIN_S
    look_every_s: float = LOOK_EVERY_S
    _models: dict[str, Model] = field(default_factory=dict[str, Model])
    _users: dict[str, int] = field(default_factory=dict[str, int])

    async def targets(self) -> dict[str, str]:
        """Returns every service's address by its name; raises NotFound for a release without any."""
        selector = f"app.kubernetes.io/instance={self.release},app.kubernetes.io/part-of=earwitness"
        found = await asyncio.to_thread(self.kube.list, "rayservices", selector)
        models = [_model(each, self.kube.namespace) for each in found]
        if not models:
            remedy = "give its name and --namespace, as `helm list` shows them"
            raise NotFound(f"no release {self.release} in namespace {self.kube.namespace}", "--cluster", remedy)
        self._models = {model.address: model for model in models}
        return {model.name: model.address for model in models}

    @asynccontextmanager
    async def awake(self, addresses: Iterable[str]) -> AsyncGenerator[None]:
        """Holds those of the addresses that are ours awake while the block lasts; the last one to go puts back.

        Raises NotReady for what did not wake in time.
        """
        mine = [self._models[address] for address in dict.fromkeys(addresses) if address in self._models]
        for model in mine:
            self._users[model.object] = self._users.get(model.object, 0) + 1
        try:
            await asyncio.gather(*(self._wake(model) for model in mine))
            yield
        finally:
            for model in mine:
                self._users[model.object] -= 1
                if not self._users[model.object]:
                    await asyncio.to_thread(_insist, lambda model=model: self._put_back(model))
                    await asyncio.to_thread(_insist, lambda model=model: self._give_up(model))

    async def _wake(self, model: Model) -> None:
        wanted = min(self.replicas or model.most, model.most)
        if model.scales:
            await asyncio.to_thread(_insist, lambda: self._raise(model, wanted))
        else:
            wanted = model.most
        said, until = "", asyncio.get_running_loop().time() + self.within_s
        while lacking := await asyncio.to_thread(self._lacking, model, wanted):
            if lacking != said:
                self.say(f"{model.name}: waiting, {lacking}")
            said = lacking
            if asyncio.get_running_loop().time() > until:
                remedy = f"kubectl -n {self.kube.namespace} describe rayservice {model.object}"
                raise NotReady(f"did not wake in {self.within_s:.0f} s: {lacking}", model.name, remedy)
            await asyncio.sleep(self.look_every_s)
        self.say(f"{model.name}: {wanted} of {model.most} replicas are ready")

    def _raise(self, model: Model, wanted: int) -> None:
        """Raises the least number of replicas, and notes what it was."""
        item = self.kube.get("rayservices", model.object)
        now = cast(str, item["spec"]["serveConfigV2"])
        noted, written = _noted(item)
        before = noted if now == written else now
        after = _with_least(before, wanted)
        if now == after:
            return
        note = json.dumps({"before": before, "after": after})
        version = item["metadata"]["resourceVersion"]
        metadata = {"resourceVersion": version, "annotations": {NOTE: note}}
        self.kube.patch("rayservices", model.object, {"metadata": metadata, "spec": {"serveConfigV2": after}})
        self.say(f"{model.name}: scaling up to {wanted}")

    def _put_back(self, model: Model) -> None:
        """Writes what stood there before, unless somebody has written something else since."""
        item = self.kube.get("rayservices", model.object)
        before, after = _noted(item)
        if not before:
            return
        version = item["metadata"]["resourceVersion"]
        body: Tree = {"metadata": {"resourceVersion": version, "annotations": {NOTE: None}}}
        if item["spec"]["serveConfigV2"] == after:
            body["spec"] = {"serveConfigV2": before}
        self.kube.patch("rayservices", model.object, body)
        self.say(f"{model.name}: back to at least {_least(before)} replicas")

    def _give_up(self, model: Model) -> None:
        """Strikes us off the owners: Helm applies server-side, and a field of ours would stop its next upgrade."""
        metadata = self.kube.get("rayservices", model.object)["metadata"]
        owners = [owner for owner in metadata.get("managedFields", []) if owner.get("manager") != MANAGER]
        changed = {"resourceVersion": metadata["resourceVersion"], "managedFields": owners}
        self.kube.patch("rayservices", model.object, {"metadata": changed})

    def _lacking(self, model: Model, wanted: int) -> str:
        """Says what is not there yet; "" where all is."""
        item = self.kube.get("rayservices", model.object)
        cluster = item.get("status", {}).get("activeServiceStatus", {}).get("rayClusterName", "")
        if not cluster:
            return "its cluster is not up"
        pods = self.kube.pods(f"ray.io/cluster={cluster},ray.io/node-type=worker")
        ready = sum(map(is_ready, pods))
        if ready < wanted:
            return f"{ready} of {wanted} pods are ready"
        applications = item["status"]["activeServiceStatus"].get("applicationStatuses") or {}
        states = [_state(application) for application in applications.values()]
        return "" if states and all(state == "HEALTHY" for state in states) else f"Serve says {' '.join(states)}"


def _insist(change: Callable[[], None]) -> None:
    """Makes a change that begins with reading, again where somebody else was faster."""
    for _ in range(CONFLICTS):
        try:
            return change()
        except Conflict:
            time.sleep(PAUSE_S)
    return change()


def _state(application: Tree) -> str:
    deployments = application.get("serveDeploymentStatuses") or {}
    states = [str(each.get("status", "")) for each in deployments.values()]
    return next((state for state in states if state != "HEALTHY"), "HEALTHY" if states else "nothing")


def _model(item: Tree, namespace: str) -> Model:
    metadata = item["metadata"]
    containers = item["spec"]["rayClusterConfig"]["headGroupSpec"]["template"]["spec"]["containers"]
    port = next(each["containerPort"] for each in containers[0]["ports"] if each["name"] == "serve-grpc")
    deployment = _deployment(_parsed(item["spec"]["serveConfigV2"]))
    scaling = deployment.get("autoscaling_config")
    return Model(
        object=metadata["name"],
        name=metadata["labels"][SERVICE],
        kind=metadata["labels"][COMPONENT],
        address=f"{metadata['name']}-serve-svc.{namespace}.svc:{port}",
        most=int(scaling["max_replicas"] if scaling else deployment.get("num_replicas", 1)),
        scales=scaling is not None,
    )


def _noted(item: Tree) -> tuple[str, str]:
    """Returns the configuration from before and the one that took its place, or "" twice."""
    note = item["metadata"].get("annotations", {}).get(NOTE)
    read: dict[str, str] = json.loads(note) if note else {"before": "", "after": ""}
    return read["before"], read["after"]


def _with_least(text: str, replicas: int) -> str:
    import yaml

    tree = _parsed(text)
    _deployment(tree)["autoscaling_config"]["min_replicas"] = replicas
    return yaml.safe_dump(tree)


def _least(text: str) -> int:
    return int(_deployment(_parsed(text)).get("autoscaling_config", {}).get("min_replicas", 0))


def _parsed(text: str) -> Tree:
    import yaml

    return cast(Tree, yaml.safe_load(text))


def _deployment(config: Tree) -> dict[str, Any]:
    return config["applications"][0]["deployments"][0]
