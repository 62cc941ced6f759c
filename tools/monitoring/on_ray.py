"""The LLM on Ray Serve, as a process of `tools.serving.child`: it says where it answers and where Ray shows metrics."""

from earwitness.cluster import Cluster, ClusterConfig
from earwitness.config import convert
from services.cli.serve import application_of, servicer_of
from services.llm.config import LlmConfig
from tools.monitoring.ports import free_port
from tools.serving import child

AUTOSCALING = {"min_replicas": 1, "max_replicas": 2, "target_ongoing_requests": 8, "upscale_delay_s": 5.0}
DELAY_S = 0.05


def main() -> None:
    """Serves until the input ends."""
    config = ClusterConfig(
        grpc_port=free_port(), http_port=free_port(), metrics_port=free_port(), stats_port=free_port()
    )
    with Cluster(config) as cluster:
        cluster.start(servicer_of("llm").registrars)
        import ray
        from ray.serve import Application

        made = application_of("llm", convert(LlmConfig, {"engine": "echo", "echo_delay_s": DELAY_S}))
        deployment = made._bound_deployment.options(num_replicas=None, autoscaling_config=AUTOSCALING)
        cluster.deploy({"llm": Application(deployment)})
        nodes = [f"{node['NodeManagerAddress']}:{node['MetricsExportPort']}" for node in ray.nodes()]
        child.answer({"grpc": config.address, "metrics": nodes}, lambda told: {})


if __name__ == "__main__":
    main()
