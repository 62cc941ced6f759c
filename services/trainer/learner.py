"""One worker's part in every step: its passes, the gradient that all add up to, and the held-out loss.

A step's batch is cut into passes, which go round the workers; each pass seeds its own randomness by seed, step and
number, so that a run has the same losses, to the order of summation, whatever the number of workers. Heavy: imports
torch.
"""

import json
import math
import time
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn.parallel import DistributedDataParallel
from transformers.modeling_layers import GradientCheckpointingLayer

from earwitness.desta.model import DestaModel
from earwitness.errors import EngineFailure, InvalidInput
from services.trainer.batches import Batches
from services.trainer.config import TrainConfig
from services.trainer.curve import Point
from services.trainer.ears import DiskCache, Ears
from services.trainer.examples import Data, Example, all_have_clips, batch_of, lengths_of
from services.trainer.flops import Flops, peak
from services.trainer.schedule import MOST_SKIPPED, Judge, learning_rate
from services.trainer.world import World


class Trainer:
    """One worker."""

    def __init__(
        self, model: DestaModel, data: Data, config: TrainConfig, world: World, *, cache: Path, of: Mapping[str, object]
    ) -> None:
        """Puts the model on the worker's device.

        `cache` is the folder of encoder outputs on disk, and `of` says what weights they are of. Raises InvalidInput
        for rows that do not go round the workers.
        """
        self.model, self.data, self.config, self.world = model.to(world.device), data, config, world
        self.trained = model.trainable()
        self.optimizer = torch.optim.AdamW(
            self.trained,
            lr=config.learning_rate,
            betas=config.betas,
            weight_decay=config.weight_decay,
            fused=world.device == "cuda",
        )
        self.batches = Batches(
            lengths_of(data.train),
            batch_size=config.batch_size,
            micro_batch_size=config.micro_batch_size,
            seed=config.seed,
            bucket_batches=config.bucket_batches,
        )
        if len(self.batches.passes(1)) % world.size:
            raise InvalidInput("there are fewer rows than a batch has", "workers", "use fewer workers, or more rows")
        self.ears = self._open_ears(cache, of)
        self.flops = Flops.of(model)
        self.peak = peak(world.device, config.dtype)[0] * world.size
        self.judge = Judge(config.spike_factor)
        if config.gradient_checkpointing:
            _recompute(model.llm)
        self.learner: Any = self._parallel()
        self._learning(True)

    def _learning(self, on: bool) -> None:
        """Puts what trains in training mode, or all in evaluation mode."""
        self.model.train(on)
        if self.config.gradient_checkpointing:
            # A layer computes again in training mode alone; what is in it stays in evaluation mode, without dropout.
            for module in self.model.llm.modules():
                if isinstance(module, GradientCheckpointingLayer):
                    module.training = on

    def _open_ears(self, cache: Path, of: Mapping[str, object]) -> Ears:
        encoder, config = self.model.perception.encoder, self.config
        disk = None
        # What no later epoch asks for is not worth writing.
        if config.encoder_cache_disk_gib and config.steps > self.batches.per_epoch:
            name = json.dumps([dict(of), encoder.tapped_layers, config.dtype], sort_keys=True)
            disk = DiskCache(cache, config.encoder_cache_disk_gib, name)
        return Ears(encoder, config.encoder_cache_gib, disk=disk, loader_threads=config.loader_threads)

    def _parallel(self) -> nn.Module:
        if self.world.size == 1:
            return self.model
        # Seeded alike, the workers begin with equal weights: nothing is sent before the first gradient.
        unused = not all_have_clips(self.data.train)
        return DistributedDataParallel(
            self.model, broadcast_buffers=False, init_sync=False, find_unused_parameters=unused
        )

    def step(self, step: int) -> Point:
        """Makes one optimiser step.

        Raises EngineFailure for a bad one where the settings say `stop`, and for the last of many bad ones.
        """
        started = time.monotonic()
        rate = learning_rate(self.config, step)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.optimizer.zero_grad(set_to_none=True)
        loss, tokens, read, examples, clips, encoded, samples = self.world.sum(self._accumulate(step))
        loss /= tokens
        for parameter in self.trained:
            if parameter.grad is not None:
                # Sums over tokens so far, of which DDP has the mean over workers.
                parameter.grad.mul_(self.world.size / tokens)
        norm = float(nn.utils.clip_grad_norm_(self.trained, self.config.clip_norm))
        fault = self.judge.fault(loss, norm)
        if not fault:
            self.optimizer.step()
        elif self.config.on_bad_step == "stop" or self.judge.skipped >= MOST_SKIPPED:
            raise _stopped(step, fault, self.judge.skipped)
        seconds = time.monotonic() - started
        flops = self.flops.step(tokens=read, answer_tokens=tokens, clips=clips, encoded=encoded)
        return Point(
            step=step,
            loss=loss if math.isfinite(loss) else None,
            tokens=round(tokens),
            seconds=seconds,
            epoch=self.batches.position(step).epoch,
            examples=round(examples),
            read_tokens=round(read),
            audio_s=round(samples / self.ears.sample_rate, 3),
            encoded=round(encoded),
            learning_rate=rate,
            gradient_norm=norm if math.isfinite(norm) else None,
            skipped=fault,
            flops=flops,
            mfu=flops / seconds / self.peak,
        )

    def held_out(self) -> float | None:
        """Returns the held-out loss, the workers sharing its batches; None without held-out rows."""
        size = self.config.micro_batch_size
        starts = range(0, len(self.data.held_out), size)[self.world.rank :: self.world.size]
        self._learning(False)
        sums = [_summed(self.model, self.data.held_out[start : start + size], self.ears) for start in starts]
        self._learning(True)
        loss, tokens = self.world.sum([sum(each[0] for each in sums), sum(each[1] for each in sums)])
        return loss / tokens if tokens else None

    def _accumulate(self, step: int) -> list[float]:
        """Adds up the gradients of this worker's passes of a step.

        Returns sums over them: loss, answer tokens, tokens, examples, clips, clips encoded, samples of clips.
        """
        passes = self._passes(step)
        encoded, samples = self.ears.encoded, self.ears.samples
        loss = torch.zeros((), dtype=torch.float64, device=self.world.device)
        counted = [0, 0, 0, 0]
        for at, (number, indices) in enumerate(passes):
            examples = [self.data.train[index] for index in indices]
            batch, last = batch_of(examples, self.ears), at == len(passes) - 1
            self._expect(step, at + 1)
            torch.manual_seed(_seed(self.config.seed, step, number))
            with nullcontext() if last or self.world.size == 1 else self.learner.no_sync():
                mean, tokens = self.learner(batch)
                (mean * tokens).backward()
            loss += mean.detach() * tokens
            clips = sum(len(example.clips) for example in examples)
            for place, more in enumerate((tokens, sum(one.length for one in examples), len(examples), clips)):
                counted[place] += more
        return [float(loss), *counted, self.ears.encoded - encoded, self.ears.samples - samples]

    def _passes(self, step: int) -> list[tuple[int, list[int]]]:
        """Returns this worker's passes of a step: their numbers among all, and their examples."""
        return list(enumerate(self.batches.passes(step)))[self.world.rank :: self.world.size]

    def _expect(self, step: int, at: int) -> None:
        """Has the clips of a pass, or of the next step's first one, read while another pass is computed."""
        passes = self._passes(step)[at:] or (self._passes(step + 1) if step < self.config.steps else [])
        if self.config.loader_threads and passes:
            self.ears.expect([clip for index in passes[0][1] for clip in self.data.train[index].clips])


@torch.no_grad()
def _summed(model: DestaModel, examples: Sequence[Example], ears: Ears) -> tuple[float, int]:
    loss, tokens = model.loss(batch_of(examples, ears))
    return float(loss) * tokens, tokens


def _stopped(step: int, fault: str, skipped: int) -> EngineFailure:
    before = f", after {skipped - 1} bad steps that were skipped" if skipped > 1 else ""
    remedy = "lower it, warm up longer, or set on_bad_step=skip"
    return EngineFailure(f"at step {step} {fault}{before}", "learning_rate", remedy)


def _seed(seed: int, step: int, number: int) -> int:
    return ((seed * 1_000_003 + step) * 10_007 + number) % 2**63


def _recompute(llm: Any) -> None:
    """Has the LLM's layers forget their activations, and compute them again for the gradient."""
    try:
        llm.gradient_checkpointing_enable({"use_reentrant": False})
    except ValueError as error:
        raise InvalidInput(f"{type(llm).__name__}: {error}", "gradient_checkpointing", "leave it out") from None
