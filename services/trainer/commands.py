"""`earwitness train`: build a corpus, distil targets, describe them, train a connector."""

import argparse
import asyncio
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from earwitness.errors import InvalidInput, NotFound

if TYPE_CHECKING:
    from earwitness.sampling import Sampling
    from services.trainer.backbone import Backbone
    from services.trainer.instructions import Pool

ADDRESS = "127.0.0.1:9000"
IN_FLIGHT = 256


def register(commands: Any) -> Any:
    """Adds the commands; returns their own list, for those who add to it."""
    train = commands.add_parser("train", help="make an audio language model: corpus, distil, card, run")
    steps = train.add_subparsers(title="steps", metavar="STEP", required=True)
    _register_corpus(steps)
    _register_distil(steps)
    card = steps.add_parser("card", help="describe a folder of targets: counts, lengths, variety, filters, examples")
    card.add_argument("folder", type=Path, help="folder of rows in DeSTA-AQA5M's form; gets card.md and card.json")
    card.add_argument("--tokenizer", metavar="MODEL", help="counts tokens (default: the backbone's, if it is here)")
    card.set_defaults(execute=execute_card)
    run = steps.add_parser("run", help="train the connector on distilled rows")
    run.add_argument("rows", type=Path, help="folder with train.jsonl and held_out.jsonl")
    run.add_argument("audio", type=Path, help="the corpus folder that the rows' clips lie in")
    run.add_argument("out", type=Path, help="folder for the curve, the state and the checkpoint")
    run.add_argument("--config", type=Path, metavar="FILE", help="YAML with the settings of services/trainer/config.py")
    run.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="one setting, such as steps=200")
    run.add_argument(
        "--metrics-port", type=int, metavar="PORT", help="serve /metrics for Prometheus there; 0: a free port"
    )
    run.set_defaults(execute=execute_run)
    return steps


def _register_corpus(steps: Any) -> None:
    corpus = steps.add_parser("corpus", help="build a corpus of synthetic and recorded clips with sure metadata")
    corpus.add_argument("folder", type=Path)
    corpus.add_argument("--clips", type=int, default=240, help="synthetic clips (default: %(default)s)")
    corpus.add_argument("--seed", type=int, default=0)
    corpus.add_argument(
        "--recordings",
        type=int,
        metavar="N",
        help="at most so many recordings beside them, of Debian packages that are installed (default: half as many)",
    )
    corpus.add_argument("--sonic-pi", type=Path, metavar="FOLDER", help="where sonic-pi-samples is, if elsewhere")
    corpus.add_argument("--asterisk", type=Path, metavar="FOLDER", help="where asterisk-core-sounds-en-wav is")
    corpus.set_defaults(execute=execute_corpus)


def _register_distil(steps: Any) -> None:
    distil = steps.add_parser(
        "distil",
        help="let the backbone answer about the described clips",
        description="Asks the backbone about clips that are described to it in words. What it says makes the targets. "
        "Start the same command again after a kill: it goes on.",
    )
    distil.add_argument("manifest", type=Path, help="JSONL of audio and metadata, as `train corpus` writes it")
    distil.add_argument("out", type=Path, help="folder for train.jsonl, held_out.jsonl, what was dropped, and the card")
    who = distil.add_argument_group("who answers")
    place = who.add_mutually_exclusive_group()
    place.add_argument("--llm", default=ADDRESS, metavar="HOST:PORT", help="an LLM service (default: %(default)s)")
    place.add_argument("--offline", metavar="MODEL", help="a model by hub id, folder or name, in vLLM in this process")
    who.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="of vLLM, such as max_num_seqs=256"
    )
    who.add_argument("--in-flight", type=int, default=IN_FLIGHT, help="conversations at once (default: %(default)s)")
    who.add_argument(
        "--ray",
        nargs="?",
        const="local",
        metavar="ADDRESS",
        help="spread the work over a Ray cluster: its address, `auto`, or none for one of this machine alone",
    )
    who.add_argument("--workers", type=int, default=0, help="of Ray (default: one for each of its GPUs, else one)")
    what = distil.add_argument_group("what is asked")
    what.add_argument("--per-sample", type=int, default=1, help="instructions per clip (default: %(default)s)")
    what.add_argument("--pool", type=Path, metavar="FILE", help="instructions in YAML (default: the bundled pool)")
    how = distil.add_argument_group("how it answers")
    how.add_argument("--max-tokens", type=int, default=64, help="longer answers are dropped (default: %(default)s)")
    how.add_argument("--temperature", type=float, default=0.0, help="0 takes the likeliest (default: %(default)s)")
    how.add_argument("--top-p", type=float, default=1.0, help="draw from the likeliest (default: %(default)s)")
    how.add_argument("--seed", type=int, default=0, help="of instructions and sampling (default: %(default)s)")
    distil.set_defaults(execute=execute_distil)


def execute_corpus(options: argparse.Namespace) -> None:
    """Builds a corpus, says where its manifest is, and what recordings it lacks."""
    from services.trainer.corpus import recordings
    from services.trainer.corpus.build import build
    from services.trainer.progress import CountBar

    most = options.clips // 2 if options.recordings is None else options.recordings
    found = recordings.find(sonic_pi=options.sonic_pi, asterisk=options.asterisk)
    chosen = recordings.choose(found.recordings, most, seed=options.seed)
    with CountBar("clips", options.clips + len(chosen)) as bar:
        print(build(options.folder, num_clips=options.clips, seed=options.seed, recordings=chosen, progress=bar.show))
    if most:
        for packages in found.missing:
            print(f"  for more recordings: apt install {packages}")


def execute_distil(options: argparse.Namespace) -> None:
    """Distils targets for both splits."""
    from earwitness.sampling import Sampling
    from services.trainer import instructions

    for name, least in (("per_sample", 1), ("max_tokens", 1), ("in_flight", 1), ("workers", 0), ("temperature", 0)):
        if getattr(options, name) < least:
            raise InvalidInput(f"must be at least {least}", f"--{name.replace('_', '-')}")
    if not 0 < options.top_p <= 1:
        raise InvalidInput("must be above 0, and at most 1", "--top-p")
    sampling = Sampling(
        max_tokens=options.max_tokens, temperature=options.temperature, top_p=options.top_p, seed=options.seed
    )
    pool = instructions.read(options.pool) if options.pool else instructions.pool()
    asyncio.run(_distil(options.manifest, options.out, _open(options), options.per_sample, sampling, pool))


async def distil(manifest: Path, out: Path, address: str, *, per_sample: int, max_tokens: int, seed: int) -> None:
    """Writes `train.jsonl` and `held_out.jsonl` below `out`, with a progress bar each; goes on where it was."""
    from earwitness.sampling import Sampling
    from services.trainer import instructions
    from services.trainer.reach import Reach

    sampling = Sampling(max_tokens=max_tokens, seed=seed)
    reach = Reach(address=address, max_tokens=max_tokens)
    await _distil(manifest, out, reach.open, per_sample, sampling, instructions.pool())


def _open(options: argparse.Namespace) -> "Callable[[], Awaitable[Backbone]]":
    """Returns what opens the backbone that the options name."""
    from earwitness.config import load
    from earwitness.engines.options import VllmOptions
    from services.trainer.ray_data import RayBackbone
    from services.trainer.reach import Reach

    if options.set and not options.offline:
        raise InvalidInput("is for a model in this process", "--set", "name one with --offline, or leave it away")
    if options.workers and not options.ray:
        raise InvalidInput("is for Ray", "--workers", "add --ray, or leave it away")
    reach = Reach(
        address=options.llm,
        model=options.offline or "",
        options=load(VllmOptions, None, options.set),
        max_tokens=options.max_tokens,
        in_flight=options.in_flight,
    )

    async def on_ray() -> "Backbone":
        return await asyncio.to_thread(RayBackbone, reach, cluster=options.ray, workers=options.workers)

    return on_ray if options.ray else reach.open


async def _distil(
    manifest: Path,
    out: Path,
    opened: "Callable[[], Awaitable[Backbone]]",
    per_sample: int,
    sampling: "Sampling",
    pool: "Pool",
) -> None:
    from services.trainer.distil import Plan, distil
    from services.trainer.lock import alone_in
    from services.trainer.manifest import read
    from services.trainer.progress import CountBar

    samples = read(manifest)
    asked = Plan(
        samples=samples,
        dataset=manifest.resolve().parent.name,
        per_sample=per_sample,
        sampling=sampling,
        pool=pool,
    )
    out.mkdir(parents=True, exist_ok=True)
    with alone_in(out), ExitStack() as bars:
        backbone = await opened()
        try:

            def on_split(split: str, num_samples: int) -> "Callable[[int, int], None]":
                bars.close()
                return bars.enter_context(CountBar(f"targets, {split.replace('_', ' ')}", num_samples)).show

            done = await distil(backbone, asked, out, on_split)
        finally:
            await backbone.close()
    for split, each in done.items():
        why = ", ".join(f"{count} {reason}" for reason, count in sorted(each.reasons.items()))
        print(f"    {split.replace('_', ' ')}: {each.kept} targets kept, {each.dropped} dropped{why and f' ({why})'}")
    print(f"    card: {_card(out, None)}")


def execute_card(options: argparse.Namespace) -> None:
    """Writes the card of a folder and says where it is."""
    print(_card(options.folder, options.tokenizer))


def _card(folder: Path, tokenizer: str | None) -> Path:
    """Writes a folder's data card. Tokens are counted where the tokenizer is at hand, or was asked for."""
    from services.trainer import card, card_page, provenance

    made_with = provenance.read(folder)
    try:
        model = tokenizer or (made_with.backbone.model if made_with else "")
        count = card.tokenizer_of(model, download=bool(tokenizer)) if model else None
    except NotFound:
        if tokenizer:
            raise
        count = None
    return card_page.write(card.card_of(folder, count), folder)


def execute_run(options: argparse.Namespace) -> None:
    """Trains, from where a killed run stopped, and says how fast it was: the first, cold epoch apart."""
    from earwitness.config import load
    from services.trainer import curve
    from services.trainer.config import TrainConfig
    from services.trainer.session import train

    port = [] if options.metrics_port is None else [f"metrics_port={options.metrics_port}"]
    config = load(TrainConfig, options.config, [*options.set, *port], env_prefix="EARWITNESS_TRAIN")
    print(f"  checkpoint: {train(config, options.rows, options.audio, options.out)}")
    print(*(f"  {line}" for line in curve.said(curve.read(options.out / "curve.jsonl"))), sep="\n")
