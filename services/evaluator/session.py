"""A session: one backbone's services and the ledger, opened once for the runs of an experiment."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Self, TypeVar, cast

from earwitness.clients import CaptionerClient, LalmClient, LlmClient, ModelClient
from earwitness.errors import InvalidInput
from earwitness.identity import Identity
from earwitness.sampling import Sampling
from services.evaluator.captions import CaptionStore
from services.evaluator.items import Benchmark, Setting
from services.evaluator.ledger import Ledger
from services.evaluator.prompts import DEFAULT, template
from services.evaluator.result import RunResult
from services.evaluator.run import Progress, Run
from services.evaluator.settings import Asker, AudioAsker, CascadeAsker, TextAsker

READY_WITHIN_S = 120.0
C = TypeVar("C", bound=ModelClient)


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """How every run of a session asks."""

    prompt: str = DEFAULT
    sampling: Sampling = field(default_factory=lambda: Sampling(max_tokens=32))
    in_flight: int = 32


@dataclass(kw_only=True, slots=True)
class Session:
    """Clients of the services that are needed, opened when first used. Use it as an async context manager."""

    ledger: Ledger
    llm_address: str
    captioner_address: str
    lalm_address: str
    plan: Plan = field(default_factory=Plan)
    _clients: dict[type[ModelClient], tuple[ModelClient, Identity]] = field(
        default_factory=dict[type[ModelClient], tuple[ModelClient, Identity]]
    )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exception: object) -> None:
        for client, _ in self._clients.values():
            await client.close()

    async def run(
        self, benchmark: Benchmark, setting: Setting, on_progress: Callable[[Progress], None] = lambda progress: None
    ) -> RunResult:
        """Runs a benchmark in a setting.

        Raises Unavailable where a service does not answer at the start, InvalidInput for a benchmark without clips in a
        setting that hears.
        """
        if setting != "text" and not benchmark.has_audio:
            raise InvalidInput(f"{benchmark.name} has no clips", "setting", "ask it in the text setting")
        asker, captioner = await self._asker(setting)
        run = Run(
            benchmark=benchmark,
            asker=asker,
            template=template(self.plan.prompt),
            sampling=self.plan.sampling,
            ledger=self.ledger,
            in_flight=self.plan.in_flight,
            captioner=captioner,
            checkpoint=_named(asker.identity) if setting == "audio" else "",
            on_progress=on_progress,
        )
        return await run.execute()

    async def _asker(self, setting: Setting) -> tuple[Asker, str]:
        """Returns what asks in a setting, and the name of the captioner that it uses, "" for none."""
        wording, sampling = template(self.plan.prompt), self.plan.sampling
        if setting == "audio":
            lalm, identity = await self._client(LalmClient, self.lalm_address)
            return AudioAsker(client=lalm, identity=identity, template=wording, sampling=sampling), ""
        llm, identity = await self._client(LlmClient, self.llm_address)
        if setting == "text":
            return TextAsker(client=llm, identity=identity, template=wording, sampling=sampling), ""
        captioner, heard = await self._client(CaptionerClient, self.captioner_address)
        store = CaptionStore(client=captioner, identity=heard, ledger=self.ledger)
        asker = CascadeAsker(client=llm, identity=identity, captions=store, template=wording, sampling=sampling)
        return asker, _named(heard)

    async def _client(self, cls: type[C], address: str) -> tuple[C, Identity]:
        if cls not in self._clients:
            client = cls.at(address)
            try:
                await client.ready(READY_WITHIN_S)
                self._clients[cls] = (client, await client.identity())
            except BaseException:
                await client.close()
                raise
        client, identity = self._clients[cls]
        return cast(C, client), identity


def _named(identity: Identity) -> str:
    """Returns a model with its engine and the head of its fingerprint, as a report names it."""
    return f"{identity.model} ({identity.engine}, {identity.fingerprint[:12]})"
