"""What the chart does not take, and how it says so."""

import pytest

from tests.helm.chart import CHART, refusal, run


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("servicse.llm.enabled=true", "servicse"),
        ("services.llm.replica.min=1", "replica"),
        ("services.llm.kind=llama", "kind"),
        ("services.new.config.model=a/b", "kind"),
        ("services.Upper.kind=llm", "Upper"),
        ("defaults.head.pod.nodeselector.a=b", "nodeselector"),
        ("image.tag=latest", "tag"),
        ("stack=tpu", "stack"),
        ("defaults.replicas.max=0", "max"),
        ("defaults.upgradeStrategy=NewClusterWithIncrementalUpgrade", "upgradeStrategy"),
        ("auth.token=secret", "token"),
        ("evaluator.config.outt=x", "outt"),
    ],
)
def test_a_value_that_cannot_be_is_refused_by_name(setting: str, words: str) -> None:
    assert words in refusal(setting)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (("image.registry=",), "make images REGISTRY"),
        (("services.llm.replicas.min=3", "services.llm.replicas.max=2"), "min 3 is above max 2"),
        (("evaluator.replicas=2",), "PostgreSQL"),
        (("services.lalm.enabled=true",), "storage.data"),
    ],
)
def test_what_no_schema_can_say_is_said_with_its_remedy(settings: tuple[str, ...], words: str) -> None:
    assert words in refusal(*settings)


def test_the_registry_is_asked_for() -> None:
    done = run("template", "earwitness", str(CHART))
    assert done.returncode != 0
    assert "image.registry" in done.stderr
