"""The Kubernetes API as the cluster commands use it: objects of one namespace as trees, errors as `earwitness.errors`.

Inside a pod it is the pod's own service account, elsewhere what `kubectl` would use. The chart's Role `...-commands`
has all that is asked for here. It knows nothing of what the objects mean.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal, cast

from earwitness.errors import EarwitnessError, InvalidInput, NotFound, NotReady, PermissionDenied, Unavailable

Tree = dict[str, Any]
Plural = Literal["rayservices", "rayjobs"]
GROUP, VERSION = "ray.io", "v1"
MANAGER = "earwitness"
"""Under which the API server notes what we change."""
TIMEOUT_S = 30
MERGE = "application/merge-patch+json"
NAMESPACE_FILE = "/var/run/secrets/kubernetes.io/serviceaccount/namespace"
EXTRA = "pip install 'earwitness[cluster]'"


class Conflict(Unavailable):
    """Somebody else changed the object since it was read; KubeRay does so all the time."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Kube:
    """One namespace of a cluster. Calls block, for at most `TIMEOUT_S`."""

    namespace: str
    objects: Any
    """kubernetes.client.CustomObjectsApi."""
    core: Any
    """kubernetes.client.CoreV1Api."""

    @classmethod
    def connect(cls, namespace: str = "", context: str = "") -> "Kube":
        """Reads the pod's account, or the kubeconfig and its `context`; "" is the namespace of either.

        Raises NotReady where there is neither, or the client library is missing.
        """
        try:
            from kubernetes import client, config
            from kubernetes.config.config_exception import ConfigException
        except ModuleNotFoundError:
            raise NotReady("the Kubernetes client is not installed", remedy=EXTRA) from None
        try:
            if os.environ.get("KUBERNETES_SERVICE_HOST") and not context:
                config.load_incluster_config()
                own = _own_namespace()
            else:
                config.load_kube_config(context=context or None)
                own = _namespace_of(config, context)
        except (ConfigException, OSError) as error:
            remedy = "set KUBECONFIG, or run in a pod whose service account has a token"
            raise NotReady(f"no cluster: {' '.join(str(error).split())}", "--cluster", remedy) from None
        return cls(namespace=namespace or own, objects=client.CustomObjectsApi(), core=client.CoreV1Api())

    def list(self, plural: Plural, selector: str = "") -> list[Tree]:
        """Returns the objects with these labels, in the order of their names."""
        found = self._call(self.objects.list_namespaced_custom_object, plural, label_selector=selector)
        return sorted(cast(list[Tree], found["items"]), key=lambda item: item["metadata"]["name"])

    def get(self, plural: Plural, name: str) -> Tree:
        """Returns an object; raises NotFound."""
        return self._call(self.objects.get_namespaced_custom_object, plural, name=name)

    def create(self, plural: Plural, body: Tree) -> Tree:
        """Creates an object; raises InvalidInput where the name is taken or the cluster refuses it."""
        return self._call(self.objects.create_namespaced_custom_object, plural, body=body, field_manager=MANAGER)

    def patch(self, plural: Plural, name: str, body: Tree) -> Tree:
        """Merges a tree into an object; raises NotFound, and Conflict where a resource version does not fit."""
        options = {"name": name, "body": body, "field_manager": MANAGER, "_content_type": MERGE}
        return self._call(self.objects.patch_namespaced_custom_object, plural, **options)

    def delete(self, plural: Plural, name: str) -> None:
        """Deletes an object and what it owns; raises NotFound."""
        self._call(self.objects.delete_namespaced_custom_object, plural, name=name)

    def pods(self, selector: str) -> "list[Tree]":
        """Returns the pods with these labels."""
        found = _guarded(self.core.list_namespaced_pod, self.namespace, label_selector=selector)
        return cast("list[Tree]", self.core.api_client.sanitize_for_serialization(found)["items"])

    def config(self, name: str) -> Tree:
        """Returns a ConfigMap; raises NotFound."""
        found = _guarded(self.core.read_namespaced_config_map, name, self.namespace)
        return cast(Tree, self.core.api_client.sanitize_for_serialization(found))

    def log(self, pod: str, container: str, *, follow: bool) -> Iterator[str]:
        """Yields the lines of a container's log, as they come with `follow`."""
        options: Tree = {"container": container, "follow": follow, "_preload_content": False}
        if follow:
            options["_request_timeout"] = (TIMEOUT_S, None)
        answer = _guarded(self.core.read_namespaced_pod_log, pod, self.namespace, **options)
        for line in answer:
            yield cast(bytes, line).decode(errors="replace")

    def _call(self, method: Any, plural: Plural, **options: Any) -> Tree:
        return _guarded(method, group=GROUP, version=VERSION, namespace=self.namespace, plural=plural, **options)


def is_ready(pod: Tree) -> bool:
    """Whether a pod is in its Services."""
    conditions = pod.get("status", {}).get("conditions") or []
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)


def _guarded(method: Any, *arguments: Any, **options: Any) -> Any:
    from kubernetes.client.exceptions import ApiException
    from urllib3.exceptions import HTTPError

    options.setdefault("_request_timeout", TIMEOUT_S)
    try:
        return method(*arguments, **options)
    except ApiException as error:
        raise _error_of(error) from None
    except HTTPError as error:
        reason = " ".join(str(error).split())
        raise Unavailable(f"the API server does not answer: {reason}", "--cluster") from None


def _error_of(error: Any) -> EarwitnessError:
    import json

    try:
        message = str(json.loads(error.body)["message"])
    except (TypeError, ValueError, KeyError):
        message = str(error.reason)
    if error.status == 404:
        return NotFound(message, "--cluster", "is the release there, and in this namespace?")
    if error.status in (401, 403):
        return PermissionDenied(message, "--cluster", "bind the chart's Role ...-commands to who asks")
    if error.status == 409 and "the object has been modified" in message:
        return Conflict(message, "--cluster")
    if error.status in (400, 409, 422):
        return InvalidInput(message, "--cluster")
    return Unavailable(message, "--cluster")


def _own_namespace() -> str:
    from pathlib import Path

    return Path(NAMESPACE_FILE).read_text().strip()


def _namespace_of(config: Any, context: str) -> str:
    contexts, active = config.list_kube_config_contexts()
    chosen = next((each for each in contexts if each["name"] == context), active)
    return cast(str, chosen["context"].get("namespace") or "default")
