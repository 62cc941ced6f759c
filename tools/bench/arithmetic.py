"""What a training step of the paper's size costs, by arithmetic: model FLOPs, their growth, and what they leave out.

    python -m tools.bench.arithmetic [--out FILE]

Seconds, on any machine: nothing is trained, and no weights are made. `services.trainer.flops` does the counting, which
is that of the utilisation that a training run reports.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

from services.trainer.flops import PEAKS_BF16
from tools.bench.machine import revision, today, versions
from tools.bench.page import Table
from tools.bench.trainer_profile import ANSWER_TOKENS, BATCH, PROMPT_TOKENS, Size, paper_size

GPUS = ("H100", "A100")
BATCHES = (1, BATCH, 2 * BATCH, 4 * BATCH)
LENGTHS = (120, PROMPT_TOKENS + ANSWER_TOKENS, 480)
UTILISATION = 0.5
POSITIONS, TAPS = 1500, 4
ROWS, EPOCHS = 4_963_845, 5
"""Of DeSTA-AQA5M, and how often DeSTA2.5-Audio goes through it (kehanlu/DeSTA2.5-Audio, docs and example config)."""
COUNTED = """\
A forward pass takes two FLOPs for each weight and position, the gradient by the input two more, that by the weight
another two (Kaplan et al., arXiv:2001.08361, section 2.1; Chowdhery et al., arXiv:2204.02311, appendix B). The frozen
LLM needs the first two pairs, the frozen encoder the first, the connector all three. Recomputation, padding and the
products of attention do not count; the output embeddings count at answer tokens alone. Work that a program saves is
not taken off, but for encoder outputs that are kept: the count is the same for all that train this model. Peaks are
the dense bfloat16 figures of data sheets, with sources in `services/trainer/flops.py`."""


def main() -> None:
    """Prints the page, and writes it where it is asked to."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path)
    out: Path | None = parser.parse_args().out
    text = page(paper_size())
    print(text)
    if out:
        out.write_text(text, encoding="utf-8")


def page(size: Size) -> str:
    """Returns the Markdown page."""
    return "\n\n".join(_sections(size)) + "\n"


def step(size: Size, rows: int, tokens: int, *, hears: bool = True) -> float:
    """Returns the model FLOPs of a step: rows of so many tokens with a clip each, a quarter of them the answer's."""
    share = ANSWER_TOKENS / (PROMPT_TOKENS + ANSWER_TOKENS)
    return size.flops.step(
        tokens=rows * tokens, answer_tokens=rows * tokens * share, clips=rows, encoded=rows if hears else 0
    )


def _sections(size: Size) -> Iterator[str]:
    yield "# A training step of the paper's size, by arithmetic"
    yield (
        f"{today()}, commit {revision() or 'unknown'}, transformers {versions('transformers')['transformers']}. "
        "Written by `python -m tools.bench.arithmetic`. Whisper-large-v3, a connector of six layers and 64 queries, "
        "Qwen3-8B. Nothing here was measured: no GPU was at hand."
    )
    yield COUNTED
    yield _parts(size)
    yield _growth(size)
    yield _left_out(size)
    yield _corpus(size)


def _parts(size: Size) -> str:
    flops = size.flops
    outside = 2 * size.vocabulary * size.llm_width
    rows = [
        ("LLM's layers", size.weights["llm"] - outside, "a token", 4, flops.token),
        ("output embeddings", outside // 2, "an answer token", 4, flops.answer_token),
        (
            "connector",
            size.weights["connector"],
            f"{TAPS} x {POSITIONS} positions heard, {TAPS} x 64 queries",
            6,
            flops.clip,
        ),
        ("encoder", round(flops.encoded / 2 / POSITIONS), f"{POSITIONS} positions", 2, flops.encoded),
    ]
    shown = [
        (name, f"{weights:,}", places, str(factor), f"{each / 1e9:,.2f}")
        for name, weights, places, factor, each in rows
    ]
    columns = ("part", "weights", "go through it", "FLOPs a weight and position", "gigaFLOP")
    return Table(title="What counts", columns=columns, rows=shown, num_names=1).markdown()


def _growth(size: Size) -> str:
    rows: list[tuple[str, ...]] = []
    for batch in BATCHES:
        for tokens in LENGTHS:
            found = [step(size, batch, tokens, hears=hears) for hears in (True, False)]
            times = [f"{1000 * each / (UTILISATION * _peak(gpu)):,.0f}" for gpu in GPUS for each in found]
            rate = batch * UTILISATION * _peak(GPUS[0]) / found[0]
            rows.append((str(batch), str(tokens), *(f"{each / 1e12:,.1f}" for each in found), *times, f"{rate:,.0f}"))
    kept = ("", ", kept")
    columns = (
        "rows", "tokens a row", *(f"teraFLOP{each}" for each in kept),
        *(f"{gpu}, ms{each}" for gpu in GPUS for each in kept), f"{GPUS[0]}, rows/s",
    )  # fmt: skip
    table = Table(title="How it grows with batch and length", columns=columns, rows=rows, num_names=0).markdown()
    return (
        f"{table}\n\nA clip a row; a quarter of the tokens are the answer's. *Kept*: the encoder's outputs are there "
        f"from an earlier epoch. Times are at {UTILISATION:.0%} of the peak. By this count time is proportional to the "
        "rows, and a straight line over the tokens; what departs from that on a GPU is its overhead, and attention."
    )


def _left_out(size: Size) -> str:
    """Says how large the products of attention are beside what counts: two products a layer, of 2 FLOPs each."""
    tokens = PROMPT_TOKENS + ANSWER_TOKENS
    causal = 0.5
    # The gradients of both factors of a product take as much again each.
    llm = 3 * causal * 4 * size.llm_layers * size.llm_width * tokens**2
    encoder = 4.0 * size.encoder_layers * size.encoder_width * POSITIONS**2
    rows = [
        (name, f"{work / 1e9:,.1f}", f"{work / counted:.1%}")
        for name, work, counted in (
            (f"LLM, {tokens} tokens, there and back", llm, tokens * size.flops.token),
            (f"encoder, {POSITIONS} positions, there", encoder, size.flops.encoded),
        )
    ]
    columns = ("products of attention", "gigaFLOP a row", "of what counts of the part")
    return Table(title="What does not count, and how much it is", columns=columns, rows=rows, num_names=1).markdown()


def _corpus(size: Size) -> str:
    tokens = PROMPT_TOKENS + ANSWER_TOKENS
    first, later = (step(size, ROWS, tokens, hears=hears) for hears in (True, False))
    kept = 2 * TAPS * POSITIONS * size.encoder_width
    hours = {
        "encoded in every epoch": EPOCHS * first,
        "encoded once": first + (EPOCHS - 1) * later,
    }
    rows = [
        (name, f"{each / 1e18:,.0f}", *(f"{each / (UTILISATION * _peak(gpu)) / 3600:,.0f}" for gpu in GPUS))
        for name, each in hours.items()
    ]
    columns = ("clips", "exaFLOP", *(f"{gpu}-hours" for gpu in GPUS))
    title = f"DeSTA-AQA5M: {ROWS:,} rows of {tokens} tokens, {EPOCHS} epochs"
    table = Table(title=title, columns=columns, rows=rows, num_names=1).markdown()
    return (
        f"{table}\n\nAt {UTILISATION:.0%} of the peak. Kept, a clip takes {kept / 1e6:.1f} MB in bfloat16: a million "
        f"clips {kept / 1e6:.1f} TB."
    )


def _peak(gpu: str) -> float:
    return next(peak for name, peak in PEAKS_BF16 if name == gpu)


if __name__ == "__main__":
    main()
