"""The trainer's dashboard: whether it learns, how fast, and how far it is."""

from tools.monitoring.panels import Dashboard, Panel, Query, Row, rate, series

PREFIX = "earwitness_trainer_"
RUN = "{{instance}}"


def _now(*names: str) -> tuple[Query, ...]:
    """Returns a query for each gauge; where there are several, the legend says which is which."""
    return tuple(
        Query(expr=series(PREFIX + name), legend=f"{name.replace('_', ' ')}, {RUN}" if len(names) > 1 else RUN)
        for name in names
    )


def _growth(*names: str) -> tuple[Query, ...]:
    """Returns a query for each counter, a second."""
    return tuple(
        Query(expr=rate(series(f"{PREFIX}{name}_total")), legend=f"{name.replace('_', ' ')}, {RUN}") for name in names
    )


LEARNING = Row(
    title="Learning",
    panels=(
        Panel(
            title="Loss per answer token",
            about="In nats. The held-out loss is of rows that are not trained on.",
            unit="none",
            queries=_now("loss_nats", "held_out_loss_nats"),
        ),
        Panel(title="Norm of the gradient", about="Before it is clipped.", queries=_now("gradient_norm")),
        Panel(title="Learning rate", unit="sci", queries=_now("learning_rate")),
        Panel(
            title="Bad steps",
            about="Steps that changed no weight, since their loss or gradient was bad; the curve says why.",
            queries=(Query(expr=f"increase({series(PREFIX + 'skipped_steps_total')}[$__rate_interval])", legend=RUN),),
        ),
    ),
)
SPEED = Row(
    title="Speed",
    panels=(
        Panel(title="Tokens read", about="In a step, padding apart.", unit="ops", queries=_now("tokens_per_second")),
        Panel(title="Tokens over time", unit="ops", queries=_growth("tokens", "answer_tokens")),
        Panel(
            title="Sound heard",
            about="Seconds of sound a second, in a step.",
            unit="none",
            queries=_now("audio_seconds_per_second"),
        ),
        Panel(
            title="Sound over time",
            about="Seconds of sound a second, with what lies between steps.",
            unit="none",
            queries=_growth("audio_seconds"),
        ),
        Panel(
            title="Examples, and clips that were encoded anew",
            about="From the second epoch on, encoded clips are kept where there is room.",
            unit="ops",
            queries=_growth("examples", "encoded_clips"),
        ),
        Panel(
            title="Model FLOPs, of the peak",
            about="MFU. The peak is known for the GPUs that services/trainer/flops.py lists, and measured on a CPU.",
            unit="percentunit",
            queries=_now("model_flops_utilization_ratio"),
        ),
        Panel(title="Duration of a step", unit="s", queries=_now("step_duration_seconds")),
        Panel(title="Steps", unit="ops", queries=_growth("steps")),
    ),
)
PROGRESS = Row(
    title="Progress",
    panels=(
        Panel(title="Progress", unit="percentunit", queries=_now("progress_ratio")),
        Panel(title="Time to the end", unit="s", queries=_now("eta_seconds")),
        Panel(title="Epoch", unit="none", queries=_now("epoch")),
        Panel(
            title="Step, and that of the newest checkpoint",
            about="What lies between them would be lost.",
            unit="none",
            queries=_now("step", "last_checkpoint_step"),
        ),
        Panel(
            title="Checkpoints written",
            unit="none",
            queries=(Query(expr=series(f"{PREFIX}checkpoints_total"), legend=RUN),),
        ),
    ),
)
DASHBOARD = Dashboard(
    name="trainer",
    title="Earwitness: trainer",
    about="Training runs: loss, speed, progress, bad steps, checkpoints.",
    rows=(LEARNING, SPEED, PROGRESS),
)
