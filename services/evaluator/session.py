"""A session: one backbone's services and the ledger, opened once for the runs of an experiment."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

from earwitness.identity import Identity
from services.evaluator.captions import CaptionStore
from services.evaluator.clips import ClipStore
from services.evaluator.items import Benchmark, Setting
from services.evaluator.ledger import Ledger
from services.evaluator.plan import Plan, Targets
from services.evaluator.prompts import caption_prompt
from services.evaluator.result import Description, Parameter, RunResult, Usage
from services.evaluator.run import Progress, Run
from services.evaluator.service import Service, open_service
from services.evaluator.settings import Asker, AudioAsker, CascadeAsker, TextAsker


@dataclass(kw_only=True, slots=True)
class Session:
    """Clients of the services that are needed, opened when first used. Use it as an async context manager."""

    ledger: Ledger
    folder: Path
    targets: Targets = field(default_factory=Targets)
    clips: ClipStore = field(default_factory=ClipStore)
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    """Set, it ends the run under way as soon as what is in flight has come back."""
    _services: dict[str, Service[Any]] = field(default_factory=dict[str, Service[Any]])
    _bears: dict[str, tuple[int, int]] = field(default_factory=dict[str, tuple[int, int]])

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exception: object) -> None:
        for service in self._services.values():
            await service.client.close()

    @property
    def services(self) -> Mapping[str, Service[Any]]:
        """What was opened so far, by its kind."""
        return self._services

    async def run(
        self,
        benchmark: Benchmark,
        setting: Setting,
        plan: Plan | None = None,
        on_progress: Callable[[Progress], None] = lambda progress: None,
    ) -> tuple[RunResult, Usage]:
        """Runs a benchmark in a setting, and writes its answers into the session's folder.

        Raises Unavailable where a service does not answer at the start, InvalidInput for a plan that does not fit the
        benchmark and the setting, and what `Run.execute` raises.
        """
        plan = plan or Plan()
        plan.check(benchmark, setting)
        plan = replace(plan, sampling=replace(plan.sampling, seed=plan.sampling.seed + plan.sample))
        model = await self._service("lalm" if setting == "audio" else "llm", plan)
        captioner = await self._service("captioner", plan) if setting == "cascade" else None
        captions = self._captions(captioner, plan) if captioner else None
        run = Run(
            benchmark=benchmark,
            asker=self._asker(setting, plan, model, captions),
            plan=plan,
            description=_describe(setting, plan, model.identity, captioner.identity if captioner else None),
            ledger=self.ledger,
            folder=self.folder,
            on_progress=on_progress,
            stop=self.stop,
        )
        if captions:
            captions.on_asked = run.leg.captioned
        return await run.execute()

    def _asker(self, setting: Setting, plan: Plan, model: Service[Any], captions: CaptionStore | None) -> Asker:
        if setting == "audio":
            return AudioAsker(service=model, plan=plan, clips=self.clips)
        if captions:
            return CascadeAsker(service=model, plan=plan, clips=self.clips, captions=captions)
        return TextAsker(service=model, plan=plan)

    def _captions(self, captioner: Service[Any], plan: Plan) -> CaptionStore:
        return CaptionStore(service=captioner, ledger=self.ledger, prompt=caption_prompt(plan.caption_prompt))

    async def _service(self, kind: str, plan: Plan) -> Service[Any]:
        """Returns the service, opened for answers of this length and so many at once if need be."""
        bears = plan.in_flight, plan.sampling.max_tokens
        if self._bears.get(kind) != bears:
            if old := self._services.pop(kind, None):
                await old.client.close()
            target = getattr(self.targets, kind)
            self._services[kind] = await open_service(kind, target, in_flight=bears[0], max_tokens=bears[1])
            self._bears[kind] = bears
        return self._services[kind]


def _describe(setting: Setting, plan: Plan, model: Identity, captioner: Identity | None) -> Description:
    return Description(
        backbone=model.model,
        fingerprint=model.weights,
        setting=setting,
        prompt=plan.prompt,
        parameters=_parameters(plan, model),
        captioner=_named(captioner) if captioner else "",
        caption_prompt=plan.caption_prompt if captioner else "",
        checkpoint=_named(model) if setting == "audio" else "",
        control=plan.control,
        rotation=plan.places,
        answering=plan.answering,
        sample=plan.sample,
    )


def _parameters(plan: Plan, identity: Identity) -> dict[str, Parameter]:
    sampling = plan.sampling
    return {
        "dtype": identity.dtype,
        "engine": identity.engine,
        "max_tokens": sampling.max_tokens,
        "seed": sampling.seed,
        "stop": " | ".join(sampling.stop),
        "temperature": sampling.temperature,
        "thinking": plan.thinking,
        "top_p": sampling.top_p,
        **{f"lineage.{name}": value for name, value in sorted(identity.lineage.items())},
    }


def _named(identity: Identity) -> str:
    """Returns a model with its engine and the head of its fingerprint, as a report names it."""
    return f"{identity.model} ({identity.engine}, {identity.fingerprint[:12]})"
