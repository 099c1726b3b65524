"""deploy/kubernetes holds to the schemas of Kubernetes, and to what makes it safe (S1-127, R-20).

Each rule is shown to fail on a copy with one thing changed.
"""

import copy
import functools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from config.load import load
from config.settings import Settings, SettingsError
from deploy import make_secrets

HERE = Path(__file__).resolve().parents[2] / "deploy"
VERSION = "1.37"
R20_S = 20  # from the end of the wait to the exit

Manifests = dict[str, Any]


def read() -> Manifests:
    """Return every object by "Kind/name"."""
    listed = yaml.safe_load((HERE / "kubernetes/kustomization.yaml").read_text())
    objects = [
        thing
        for name in listed["resources"]
        for thing in yaml.safe_load_all((HERE / "kubernetes" / name).read_text())
    ]
    manifests = {f"{thing['kind']}/{thing['metadata']['name']}": thing for thing in objects}
    assert len(manifests) == len(objects)
    return manifests | {"Kustomization": listed}


def is_valid(manifest: Any) -> bool:
    return is_valid_text(json.dumps(manifest, sort_keys=True))


@functools.cache  # reading the schemas takes most of a test's time
def is_valid_text(manifest: str) -> bool:
    try:
        kubernetes_validate.validate(json.loads(manifest), VERSION, strict=True)
    except (kubernetes_validate.ValidationError, kubernetes_validate.SchemaNotFoundError):
        return False
    return True


def pods(manifests: Manifests) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Yield the pod and the container of every deployment."""
    for name, thing in manifests.items():
        if name.startswith("Deployment/"):
            pod = thing["spec"]["template"]["spec"]
            for container in pod["containers"]:
                yield pod, container


def is_restricted(pod: dict[str, Any], container: dict[str, Any]) -> bool:
    """Whether a pod keeps the profile `restricted`, cannot write its root and speaks to no API."""
    whole, own = pod.get("securityContext", {}), container.get("securityContext", {})
    return (
        whole.get("runAsNonRoot") is True
        and whole.get("runAsUser", 0) > 0
        and whole.get("seccompProfile") == {"type": "RuntimeDefault"}
        and own.get("allowPrivilegeEscalation") is False
        and own.get("readOnlyRootFilesystem") is True
        and own.get("capabilities") == {"drop": ["ALL"]}
        and pod.get("automountServiceAccountToken") is False
    )


def is_versioned(container: dict[str, Any], listed: dict[str, Any]) -> bool:
    tags = {image["name"]: image.get("newTag", "latest") for image in listed["images"]}
    name, _, tag = container["image"].partition(":")
    return (tag or tags.get(name, "latest")) != "latest"


def finds_its_pods(manifests: Manifests) -> bool:
    """Whether what selects pods selects those of the deployment that it is named after."""
    for kind in ("Service", "PodDisruptionBudget", "NetworkPolicy"):
        for name in ("worker", "bus"):
            thing = manifests.get(f"{kind}/{name}")
            if thing is None:
                continue
            spec = thing["spec"]
            selector = spec["podSelector"] if kind == "NetworkPolicy" else spec["selector"]
            labels = manifests[f"Deployment/{name}"]["spec"]["template"]["metadata"]["labels"]
            if selector.get("matchLabels", selector) != labels:
                return False
    return True


def settings_of(manifests: Manifests, secrets: Path) -> Settings | None:
    """Load the settings as a pod would; None when they are refused."""
    data = manifests["ConfigMap/sealroom"]["data"]
    mounted = "/run/secrets/sealroom"
    try:
        return load(environment={k: v.replace(mounted, str(secrets)) for k, v in data.items()})
    except SettingsError:
        return None


def worker_is_right(manifests: Manifests, secrets: Path) -> bool:
    """Whether a worker gets what it asks for, is asked under a name it has, and may finish."""
    spec = manifests["Deployment/worker"]["spec"]
    pod, settings = spec["template"]["spec"], settings_of(manifests, secrets)
    server = pod["containers"][0]
    asked = [server[f"{name}Probe"]["httpGet"] for name in ("startup", "readiness", "liveness")]
    resources = {"memory": "512Mi", "cpu": "500m"}, {"memory": "1Gi", "cpu": "1000m"}
    return (
        settings is not None
        and settings.public_url == f"https://{host(manifests)}"
        and settings.files.startswith("s3://")  # three pods share no disk
        and spec["replicas"] == 3
        and manifests["PodDisruptionBudget/worker"]["spec"]["minAvailable"] < spec["replicas"]
        and (server["resources"]["requests"], server["resources"]["limits"]) == resources
        and [probe["path"] for probe in asked] == ["/health", "/health", "/"]
        and all(
            {header["value"] for header in probe["httpHeaders"]} <= set(settings.hosts)
            for probe in asked
        )
        and pod["terminationGracePeriodSeconds"] >= settings.drain_wait_s + R20_S
    )


def host(manifests: Manifests) -> str:
    spec = manifests["Ingress/sealroom"]["spec"]
    names = {spec["rules"][0]["host"], *spec["tls"][0]["hosts"]}
    return names.pop() if len(names) == 1 else ""


def findings(manifests: Manifests, secrets: Path) -> set[str]:
    """Name the rules that the manifests break."""
    listed = manifests["Kustomization"]
    nothing = manifests["NetworkPolicy/nothing"]["spec"]
    rules = {
        "not Kubernetes": all(is_valid(v) for k, v in manifests.items() if k != "Kustomization"),
        "not restricted": all(is_restricted(*pair) for pair in pods(manifests)),
        "no limits": all(set(c["resources"]) == {"requests", "limits"} for _, c in pods(manifests)),
        "an image without a version": all(is_versioned(c, listed) for _, c in pods(manifests)),
        "a forgotten file": {path.name for path in (HERE / "kubernetes").iterdir()}
        == {*listed["resources"], "kustomization.yaml"},
        "a secret in the tree": not any(name.startswith("Secret/") for name in manifests),
        "another's pods": finds_its_pods(manifests),
        "open by default": nothing == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]},
        "another bus": manifests["ConfigMap/bus"]["data"]["nats.conf"]
        == (HERE / "nats.conf").read_text(),
        "a wrong worker": worker_is_right(manifests, secrets),
    }
    return {rule for rule, holds in rules.items() if not holds}


@pytest.fixture(scope="module")
def secrets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("deploy") / "secrets"
    make_secrets.make(folder)
    return folder


def test_the_manifests_keep_every_rule(secrets: Path) -> None:
    assert findings(read(), secrets) == set()


POD = ("Deployment/worker", "spec", "template", "spec")
SERVER = (*POD, "containers", 0)
BUS = ("Deployment/bus", *SERVER[1:])
NOWHERE = [{"name": "Host", "value": "10.1.2.3"}]


@pytest.mark.parametrize(
    ("path", "value", "rule"),
    [
        (("Deployment/worker", "spec", "replica"), 3, "not Kubernetes"),
        (("Service/bus", "kind"), "Servant", "not Kubernetes"),
        ((*POD, "securityContext", "runAsUser"), 0, "not restricted"),
        ((*POD, "automountServiceAccountToken"), True, "not restricted"),
        ((*SERVER, "securityContext", "readOnlyRootFilesystem"), False, "not restricted"),
        ((*SERVER, "securityContext", "capabilities"), {}, "not restricted"),
        ((*BUS, "resources"), {}, "no limits"),
        (("Kustomization", "images", 0, "newTag"), "latest", "an image without a version"),
        ((*BUS, "image"), "nats", "an image without a version"),
        (("Kustomization", "resources"), [], "a forgotten file"),
        (("Secret/x",), {"apiVersion": "v1", "kind": "Secret"}, "a secret in the tree"),
        (("Service/worker", "spec", "selector"), {"app": "worker"}, "another's pods"),
        (("NetworkPolicy/bus", "spec", "podSelector"), {}, "another's pods"),
        (("NetworkPolicy/nothing", "spec", "policyTypes"), ["Ingress"], "open by default"),
        (("ConfigMap/bus", "data", "nats.conf"), "port: 4222", "another bus"),
        (("ConfigMap/sealroom", "data", "SEALROOM_PROT"), "1", "a wrong worker"),
        (("ConfigMap/sealroom", "data", "SEALROOM_MAIL"), "pigeon", "a wrong worker"),
        (("ConfigMap/sealroom", "data", "SEALROOM_DRAIN_WAIT_S"), "30", "a wrong worker"),
        (("ConfigMap/sealroom", "data", "SEALROOM_FILES"), "", "a wrong worker"),
        (("Ingress/sealroom", "spec", "rules", 0, "host"), "example.org", "a wrong worker"),
        (("PodDisruptionBudget/worker", "spec", "minAvailable"), 3, "a wrong worker"),
        ((*SERVER, "livenessProbe", "httpGet", "path"), "/health", "a wrong worker"),
        ((*SERVER, "readinessProbe", "httpGet", "httpHeaders"), NOWHERE, "a wrong worker"),
        ((*SERVER, "resources", "limits", "memory"), "2Gi", "a wrong worker"),
    ],
)
def test_a_broken_copy_is_found(
    secrets: Path, path: tuple[str | int, ...], value: Any, rule: str
) -> None:
    manifests = copy.deepcopy(read())
    *parents, last = path
    here: Any = manifests
    for name in parents:
        here = here[name]
    here[last] = value
    assert rule in findings(manifests, secrets)
