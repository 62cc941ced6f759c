"""What the evaluator service can be told."""

from dataclasses import dataclass
from pathlib import Path

from earwitness.errors import InvalidInput
from services.evaluator.plan import ADDRESS


@dataclass(frozen=True, kw_only=True, slots=True)
class EvaluatorConfig:
    """Settings of one evaluator server. Several may share a ledger: they share the runs in it, too."""

    out: Path = Path("results")
    """Its folder `runs` has a results folder for each run, of its name."""
    ledger: str = ""
    """A URL; "" for an SQLite file in `out`. One with a password belongs into the environment, not on a command."""
    data: Path | None = None
    """The folder that the paths in a spec are relative to and may not leave; None allows none."""
    llm: str = ADDRESS
    """Whom a spec means that names no target: `host:port`, or `openai:NAME` of the endpoint catalogue."""
    captioner: str = ADDRESS
    lalm: str = ADDRESS
    at_once: int = 2
    """Runs under way at once."""
    max_queued: int = 100
    """Runs that may wait; one more is refused with RESOURCE_EXHAUSTED."""
    max_watchers: int = 256
    grace_s: float = 20.0
    """For what is in flight when a run is told to end; Kubernetes kills 30 s after it has asked to terminate."""
    web_port: int | None = None
    """Of the pages, beside gRPC; 0 takes a free one, None serves none."""
    web_token_file: Path | None = None
    """Who may sign in to the pages: one token, or a callers file; None lets everybody in."""
    web_train: tuple[Path, ...] = ()
    """Output folders of trainings that the pages show."""
    web_annotations: str = ""
    """The store of annotations that the pages write to: a file, or a URL; "" for none."""

    def __post_init__(self) -> None:
        for name in ("at_once", "max_queued", "max_watchers"):
            if getattr(self, name) < 1:
                raise InvalidInput("must be at least 1", name)
        if not self.grace_s >= 0:
            raise InvalidInput("must be at least 0", "grace_s")

    @property
    def ledger_url(self) -> str:
        """The ledger's URL."""
        return self.ledger or f"sqlite:///{self.out / 'ledger.sqlite'}"
