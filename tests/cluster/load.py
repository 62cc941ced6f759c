"""Calls of the LLM until the file /tmp/stop is there; runs inside of the evaluator's pod: `python - ADDRESS`."""

import json
import sys
import threading
import time
from pathlib import Path

from earwitness.conversation import Turn
from earwitness.errors import EarwitnessError
from earwitness.fanout import Retries
from earwitness.sampling import Sampling
from earwitness.sync import LlmClient

CALLERS = 4
STOP = Path("/tmp/stop")
QUESTION = (Turn(role="user", content="Which animal bleats?"),)


def main(address: str) -> None:
    STOP.unlink(missing_ok=True)
    took: list[float] = []
    failed: list[str] = []

    def call() -> None:
        with LlmClient(address, retries=Retries(), timeout_s=300) as llm:
            while not STOP.exists():
                began = time.monotonic()
                try:
                    llm.generate(QUESTION, Sampling(max_tokens=8))
                    took.append(time.monotonic() - began)
                except EarwitnessError as error:
                    failed.append(repr(error))

    threads = [threading.Thread(target=call) for _ in range(CALLERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    told = {"answered": len(took), "failed": failed, "longest_s": round(max(took, default=0), 1)}
    sys.stdout.write(json.dumps(told) + "\n")


if __name__ == "__main__":
    main(sys.argv[1])
