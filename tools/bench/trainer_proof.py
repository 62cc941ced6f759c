"""The proof that audio gets through: a trained model against itself with its audio vectors exchanged among clips.

    python -m tools.bench.trainer_proof [--train 160] [--held-out 80] [--epochs 12] [--out FILE]

A small model learns to say the speaker's sex, pace and pitch of synthetic speech. On sentences that it has not heard,
each clip keeps its own transcript and hears the 64 vectors of another clip: what its answers lose is what the vectors
told it. Paired by clip: Wilcoxon's signed-rank test, one-sided, with Holm's correction over the attributes.
"""

import argparse
import math
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.stats import wilcoxon
from torch import Tensor, nn

from earwitness.desta import tree
from earwitness.desta.layout import IGNORED, embed
from earwitness.desta.model import Batch, DestaModel
from services.evaluator.stats import holm
from tools.bench.machine import Machine, revision, today
from tools.bench.page import Table
from tools.bench.trainer_data import DEBUG, Parts, open_parts
from tools.bench.trainer_voices import QUESTIONS, Spoken, speak

LEVEL = 0.01
EXCHANGES = 5
"""Ways to exchange the vectors, over which a clip's loss without its own is averaged."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Recipe:
    """How the model is trained."""

    epochs: int
    clips_per_step: int = 4
    learning_rate: float = 2e-3
    """The connector says the same of every clip for most of the steps, and only then tells them apart."""
    warmup_steps: int = 10
    seed: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Effect:
    """What the vectors are worth for one attribute."""

    attribute: str
    own: float
    """Loss of the right answer in nats, with the clip's own vectors."""
    other: float
    """With another clip's."""
    own_right: float
    """Share of clips whose likeliest option is right."""
    other_right: float
    better: float
    """Share of clips that lose less with their own."""
    p: float
    """Of the test, before correction."""


def hear(parts: Parts, clips: Sequence[Spoken]) -> Tensor:
    """Returns the encoder's outputs."""
    return torch.cat([parts.model.perception.hear([clip.samples]) for clip in clips])


def learn(parts: Parts, clips: Sequence[Spoken], taps: Tensor, recipe: Recipe) -> list[float]:
    """Trains the connector on every question about every clip; returns the loss of each step."""
    model, splicer = parts.model, parts.splicer
    order = np.random.default_rng(recipe.seed)
    trained = model.trainable()
    optimizer = torch.optim.AdamW(trained, lr=recipe.learning_rate, betas=(0.9, 0.98), weight_decay=0.01)
    steps = recipe.epochs * (len(clips) // recipe.clips_per_step)
    losses: list[float] = []
    model.train()
    torch.manual_seed(recipe.seed)
    while len(losses) < steps:
        few = order.permutation(len(clips))[: recipe.clips_per_step]
        asked = [(place, clips[index], name) for place, index in enumerate(few) for name in QUESTIONS]
        batch = Batch(
            prompts=[clip.prompt(name, splicer) for _, clip, name in asked],
            targets=[splicer.target_ids(clip.right[name]) for _, clip, name in asked],
            taps=taps[torch.from_numpy(few)],
            clips=[place for place, _, _ in asked],
        )
        for group in optimizer.param_groups:
            group["lr"] = _rate(recipe, len(losses) + 1, steps)
        loss, _ = model.loss(batch)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(trained, 1.0)
        optimizer.step()
        losses.append(float(loss.detach()))
    model.eval()
    return losses


@torch.no_grad()
def option_losses(parts: Parts, clips: Sequence[Spoken], vectors: Tensor) -> dict[str, np.ndarray[Any, Any]]:
    """Returns by attribute the losses of the options as answers, in nats, of shape `(clips, options)`."""
    model, splicer = parts.model, parts.splicer
    found: dict[str, list[list[float]]] = {name: [] for name in QUESTIONS}
    for index, clip in enumerate(clips):
        asked = [(name, word) for name, question in QUESTIONS.items() for word in question.options.values()]
        prompts = [clip.prompt(name, splicer) for name, _ in asked]
        targets = [splicer.target_ids(word) for _, word in asked]
        forest = tree.lay_out(tree.grow(prompts, targets, [(0,)] * len(asked), vectors.shape[1]))
        losses = iter(_branch_losses(model, forest, vectors[index : index + 1]))
        for name, question in QUESTIONS.items():
            found[name].append([next(losses) for _ in question.options])
    return {name: np.array(rows) for name, rows in found.items()}


def prove(parts: Parts, clips: Sequence[Spoken], taps: Tensor, seed: int = 0) -> list[Effect]:
    """Compares the model with itself under exchanged vectors, attribute by attribute."""
    with torch.no_grad():
        vectors = torch.cat([parts.model.perception(each.unsqueeze(0)) for each in taps])
    own = option_losses(parts, clips, vectors)
    rng = np.random.default_rng(seed)
    others = [option_losses(parts, clips, vectors[_derangement(len(clips), rng)]) for _ in range(EXCHANGES)]
    effects: list[Effect] = []
    for name, question in QUESTIONS.items():
        right = np.array([list(question.options.values()).index(clip.right[name]) for clip in clips])
        rows = np.arange(len(clips))
        mine = own[name][rows, right]
        theirs = np.mean([other[name][rows, right] for other in others], axis=0)
        test: Any = wilcoxon(theirs - mine, alternative="greater")
        effects.append(
            Effect(
                attribute=name,
                own=float(mine.mean()),
                other=float(theirs.mean()),
                own_right=float((own[name].argmin(axis=1) == right).mean()),
                other_right=float(np.mean([(other[name].argmin(axis=1) == right).mean() for other in others])),
                better=float((mine < theirs).mean()),
                p=float(test.pvalue),
            )
        )
    return effects


def _branch_losses(model: DestaModel, forest: tree.Forest, vectors: Tensor) -> list[float]:
    labels = forest.layout.labels
    rows, columns = (labels[:, 1:] != IGNORED).nonzero(as_tuple=True)
    embeddings = embed(model.llm.get_input_embeddings(), forest.layout, vectors)
    mask = forest.mask(0, embeddings.dtype, embeddings.device)
    decoder = model.llm.get_decoder()
    output = decoder(inputs_embeds=embeddings, attention_mask=mask, position_ids=forest.positions, use_cache=False)
    logits = model.llm.get_output_embeddings()(output.last_hidden_state[rows, columns]).float()
    losses = nn.functional.cross_entropy(logits, labels[rows, columns + 1], reduction="none")
    branches = forest.branches[rows, columns + 1]
    return [float(losses[branches == number].sum()) for number in range(1, int(branches.max()) + 1)]


def _derangement(count: int, rng: np.random.Generator) -> Tensor:
    """Returns a permutation that leaves nothing in its place."""
    while True:
        drawn = rng.permutation(count)
        if (drawn != np.arange(count)).all():
            return torch.from_numpy(drawn)


def _rate(recipe: Recipe, step: int, steps: int) -> float:
    if step <= recipe.warmup_steps:
        return recipe.learning_rate * step / recipe.warmup_steps
    share = (step - recipe.warmup_steps) / max(1, steps - recipe.warmup_steps)
    return recipe.learning_rate * 0.5 * (1 + math.cos(math.pi * share))


def page(effects: Sequence[Effect], told: Sequence[str]) -> str:
    """Returns the Markdown page."""
    adjusted = holm([effect.p for effect in effects])
    passed = [effect.attribute for effect, p in zip(effects, adjusted, strict=True) if p < LEVEL]
    rows = [
        (
            effect.attribute,
            f"{effect.own:.3f}",
            f"{effect.other:.3f}",
            f"{effect.better:.0%}",
            f"{effect.own_right:.0%}",
            f"{effect.other_right:.0%}",
            f"{1 / len(QUESTIONS[effect.attribute].options):.0%}",
            f"{p:.1e}",
        )
        for effect, p in zip(effects, adjusted, strict=True)
    ]
    columns = (
        *("attribute", "loss, own vectors", "loss, another's", "clips that lose less with their own"),
        *("right, own", "right, another's", "right by chance", "p (Holm)"),
    )
    verdict = f"it does for {', '.join(passed)}" if passed else "it does for no attribute"
    return (
        "\n\n".join(
            [
                "# Does audio get through?",
                f"{today()}, commit {revision() or 'unknown'}. Written by `python -m tools.bench.trainer_proof`.",
                f"At p < {LEVEL:g} after Holm's correction over {len(effects)} attributes, **{verdict}**.",
                (__doc__ or "").split("\n\n", 2)[2].strip(),
                "\n".join(f"- {line}" for line in told),
                Table(title="Held-out clips", columns=columns, rows=rows, num_names=1).markdown(),
                f"The loss is of the right answer's tokens, in nats; under exchange it is the mean over {EXCHANGES} "
                "exchanges, which leave no clip its own vectors. An answer is right where, of the question's options, "
                "the right one has the least loss.",
                f"| | |\n|---|---|\n{Machine.here().markdown()}",
            ]
        )
        + "\n"
    )


def main() -> None:
    """Trains, proves, writes the page; fails where no attribute passes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--train", type=int, default=160, metavar="CLIPS")
    parser.add_argument("--held-out", type=int, default=80, metavar="CLIPS")
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    parts, recipe = open_parts(replace(DEBUG, dropout=0.0)), Recipe(epochs=options.epochs)
    learned = speak(options.train, seed=1)
    unheard = speak(options.held_out, seed=2, but=learned)
    started = time.process_time()
    losses = learn(parts, learned, hear(parts, learned), recipe)
    spent = time.process_time() - started
    effects = prove(parts, unheard, hear(parts, unheard))
    few = max(1, len(losses) // 10)
    told = (
        f"Whisper tiny.en, SmolLM2-135M-Instruct, two Q-Former layers, 64 queries; only the connector trains, {recipe}",
        f"{len(learned)} clips to learn from and {len(unheard)} others to ask about, spoken by eSpeak NG in "
        "`services.trainer.corpus.speech`; each is asked about every attribute",
        "the answers to learn are single words that are right by construction; none is distilled",
        f"{len(losses)} steps in {spent:.0f} s of CPU time, hearing included; loss {sum(losses[:few]) / few:.2f} to "
        f"{sum(losses[-few:]) / few:.2f} nats a token",
    )
    text = page(effects, told)
    print(text)
    if options.out:
        options.out.write_text(text, encoding="utf-8")
    if min(holm([effect.p for effect in effects])) >= LEVEL:
        sys.exit(1)


if __name__ == "__main__":
    main()
