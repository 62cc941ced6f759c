"""What waking a service changes in its Serve configuration, as far as no cluster is asked."""

import json

import yaml

from earwitness import fleet

CONFIG = """\
applications:
- args: {model: smollm2-135m-instruct}
  deployments:
  - autoscaling_config: {max_replicas: 3, min_replicas: 0}
    name: LlmServicer
  import_path: services.llm.app:build
  name: llm
"""


def item(config: str, note: dict[str, str] | None = None) -> fleet.Tree:
    container = {"ports": [{"name": "serve", "containerPort": 8000}, {"name": "serve-grpc", "containerPort": 9443}]}
    return {
        "metadata": {
            "name": "earwitness-llama-3-1-8b",
            "labels": {fleet.SERVICE: "llama-3.1-8b", fleet.COMPONENT: "llm"},
            "annotations": {fleet.NOTE: json.dumps(note)} if note else {},
        },
        "spec": {
            "serveConfigV2": config,
            "rayClusterConfig": {"headGroupSpec": {"template": {"spec": {"containers": [container]}}}},
        },
    }


def test_waking_raises_the_least_number_of_replicas_and_nothing_else():
    before, after = yaml.safe_load(CONFIG), yaml.safe_load(fleet._with_least(CONFIG, 2))
    scaling = after["applications"][0]["deployments"][0]["autoscaling_config"]
    assert scaling.pop("min_replicas") == 2
    before["applications"][0]["deployments"][0]["autoscaling_config"].pop("min_replicas")
    assert after == before


def test_a_service_is_known_by_its_name_in_the_values_and_reached_by_its_door():
    model = fleet._model(item(CONFIG), "sound")
    assert (model.name, model.kind, model.most, model.scales) == ("llama-3.1-8b", "llm", 3, True)
    assert model.address == "earwitness-llama-3-1-8b-serve-svc.sound.svc:9443"


def test_a_fixed_number_of_replicas_is_not_scaled():
    fixed = CONFIG.replace("autoscaling_config: {max_replicas: 3, min_replicas: 0}", "num_replicas: 2")
    model = fleet._model(item(fixed), "sound")
    assert (model.most, model.scales) == (2, False)


def test_what_stood_there_before_is_read_from_the_service_itself():
    assert fleet._noted(item(CONFIG)) == ("", "")
    assert fleet._noted(item(CONFIG, {"before": "a", "after": "b"})) == ("a", "b")
