"""The Helm chart, without a cluster: what it renders is right, and the server runs with exactly that."""

import base64
import re
import subprocess
import time

import pytest

from harness.helm import CHART, helm, refused, rendered
from harness.server import binary, clean_environment, free_port
from harness.settings import known_variables

pytestmark = pytest.mark.limit(1900)  # The first test may have to build helm.

KEYS = {"accessKey": "store-root", "secretKey": "store-root-secret"}
PLAIN = {"credentials": KEYS}
EVERYTHING = {
    "credentials": {"existingSecret": "my-keys"},
    "fullnameOverride": "objects",
    "drives": {"count": 1, "size": "1.5Ti", "storageClassName": "local", "annotations": {"a": "b"}},
    "storageClassStandard": "EC:0",
    "serverDomains": ["s3.example.com", "store.example.com"],
    "trustedProxyNetworks": ["10.0.0.0/8"],
    "env": {"RUSTFS_API_REQUESTS_MAX": 100, "RUSTFS_SCRUB_INTERVAL": "off"},
    "service": {"type": "LoadBalancer", "port": 80},
    "ingress": {
        "enabled": True,
        "className": "nginx",
        "hosts": ["s3.example.com", "*.s3.example.com"],
        "tls": [{"secretName": "t", "hosts": ["s3.example.com"]}],
    },
    "podDisruptionBudget": {"enabled": False},
    "serviceAccount": {"create": False},
    "podLabels": {"team": "x"},
    "podAnnotations": {"note": "y"},
    "nodeSelector": {"disk": "fast"},
    "tolerations": [{"operator": "Exists"}],
    "priorityClassName": "high",
    "imagePullSecrets": [{"name": "pull"}],
}


def pod(objects: dict) -> dict:
    return next(one for (kind, _), one in objects.items() if kind == "StatefulSet")["spec"]["template"]


def container(objects: dict) -> dict:
    return pod(objects)["spec"]["containers"][0]


def variables(objects: dict) -> dict[str, str]:
    return {variable["name"]: variable["value"] for variable in container(objects)["env"]}


@pytest.fixture(params=[PLAIN, EVERYTHING], ids=["plain", "everything"])
def objects(request) -> dict:
    return rendered(request.param)


def test_the_chart_has_no_fault_that_helm_knows():
    for values in (PLAIN, EVERYTHING):
        done = helm("lint", "--strict", str(CHART), values=values)
        assert done.returncode == 0, done.stdout + done.stderr


def test_the_probes_ask_what_the_server_answers(server, objects):
    probes = {name: container(objects)[name]["httpGet"] for name in ("startupProbe", "livenessProbe", "readinessProbe")}
    ports = {port["name"] for port in container(objects)["ports"]}
    for name, probe in probes.items():
        assert server.health(probe["path"]) == 200, name
        assert probe["port"] in ports, name


def test_every_variable_is_a_setting_of_the_server(objects):
    for name, value in variables(objects).items():
        assert name in known_variables(), name
        assert isinstance(value, str), name


def test_ports_agree_from_the_outside_to_the_server(objects):
    port = container(objects)["ports"][0]
    assert variables(objects)["RUSTFS_ADDRESS"] == f":{port['containerPort']}"
    for (kind, name), one in objects.items():
        if kind == "Service":
            assert one["spec"]["ports"][0]["targetPort"] == port["name"], name
        if kind == "Ingress":
            for rule in one["spec"]["rules"]:
                backend = rule["http"]["paths"][0]["backend"]["service"]
                front = objects["Service", backend["name"]]["spec"]["ports"]
                assert backend["port"]["name"] in [known["name"] for known in front]


def test_selectors_find_the_pod(objects):
    labels = pod(objects)["metadata"]["labels"]
    for (kind, name), one in objects.items():
        if kind in ("Service", "StatefulSet", "PodDisruptionBudget"):
            selector = one["spec"]["selector"]
            selector = selector.get("matchLabels", selector)
            assert selector and selector.items() <= labels.items(), (kind, name)


def test_each_drive_is_a_claim_mounted_where_the_server_looks(objects):
    (store,) = [one for (kind, _), one in objects.items() if kind == "StatefulSet"]
    claims = [claim["metadata"]["name"] for claim in store["spec"]["volumeClaimTemplates"]]
    mounts = {mount["name"]: mount["mountPath"] for mount in container(objects)["volumeMounts"]}
    named = variables(objects)["RUSTFS_VOLUMES"]
    found = re.fullmatch(r"(.*)\{1\.\.\.(\d+)\}", named)
    paths = [f"{found[1]}{number}" for number in range(1, int(found[2]) + 1)] if found else [named]
    assert [mounts[claim] for claim in claims] == paths
    assert (store["spec"]["replicas"], store["spec"]["persistentVolumeClaimRetentionPolicy"]["whenDeleted"]) == (1, "Retain")


def test_the_pod_may_no_more_than_it_must(objects):
    outer, inner = pod(objects)["spec"], container(objects)["securityContext"]
    assert outer["securityContext"]["runAsNonRoot"] and outer["securityContext"]["runAsUser"] > 0
    assert inner["readOnlyRootFilesystem"] and not inner["allowPrivilegeEscalation"]
    assert inner["capabilities"] == {"drop": ["ALL"]}
    assert outer["automountServiceAccountToken"] is False and outer["enableServiceLinks"] is False
    assert outer["terminationGracePeriodSeconds"] >= 60
    (keys,) = [volume["secret"] for volume in outer["volumes"]]
    secret = objects.get(("Secret", keys["secretName"]))
    if secret is None:
        assert keys["secretName"] == "my-keys"
    else:
        told = {name: base64.b64decode(value).decode() for name, value in secret["data"].items()}
        assert told == {"access-key": KEYS["accessKey"], "secret-key": KEYS["secretKey"]}
    assert KEYS["secretKey"] not in str(pod(objects)), "the secret is in the pod's own description"


def test_values_that_make_no_store_are_refused():
    for values, said in [
        ({}, "no keys"),
        ({"credentials": {"accessKey": "root"}}, "no keys"),
        ({"credentials": {"existingSecret": "s", **KEYS}}, "two kinds of keys"),
        ({"credentials": {"accessKey": "root", "secretKey": "rustfssecret"}}, "everybody knows"),
        ({"credentials": {"accessKey": "root", "secretKey": "short"}}, "secretKey"),
        (PLAIN | {"drives": {"count": 0, "size": "1Gi"}}, "count"),
        (PLAIN | {"drives": {"count": 4, "size": "plenty"}}, "size"),
        (PLAIN | {"replicas": 3}, "replicas"),
        (PLAIN | {"ingress": {"enabled": True}}, "ingress.hosts"),
        (PLAIN | {"terminationGracePeriodSeconds": 5}, "terminationGracePeriodSeconds"),
    ]:
        assert said in refused(values), values


def test_the_server_runs_with_what_the_pod_gets(tmp_path):
    """The very arguments and variables, with the pod's folders moved below a folder of the test."""
    objects = rendered(PLAIN)
    keys = tmp_path / "run" / "secrets" / "rustfs"
    keys.mkdir(parents=True)
    secret = next(one for (kind, _), one in objects.items() if kind == "Secret")
    for name, value in secret["data"].items():
        (keys / name).write_bytes(base64.b64decode(value))
    for mount in container(objects)["volumeMounts"]:
        (tmp_path / mount["mountPath"].lstrip("/")).mkdir(parents=True, exist_ok=True)
    moved = {name: f"{tmp_path}{value}" if value.startswith("/") else value for name, value in variables(objects).items()}
    environment = clean_environment() | moved | {"RUSTFS_ADDRESS": f"127.0.0.1:{free_port()}"}
    process = subprocess.Popen([str(binary()), *container(objects)["args"]], env=environment, stderr=subprocess.PIPE, text=True)
    try:
        deadline = time.monotonic() + 50
        while subprocess.run([str(binary()), "admin", "ready"], env=environment, capture_output=True).returncode != 0:
            assert process.poll() is None and time.monotonic() < deadline, process.stderr.read() if process.poll() else "late"
            time.sleep(0.2)
        told = subprocess.run([str(binary()), "admin", "info"], env=environment, capture_output=True, text=True)
        assert told.returncode == 0 and "4 of 4 work" in told.stdout, told
    finally:
        process.terminate()
        process.communicate(timeout=40)
    assert process.returncode == 0
