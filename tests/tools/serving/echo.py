"""A child that repeats what it is told, prints besides, and ends where it is told to."""

import os
import sys

from tools.serving import child


def tell(command: child.Answer) -> child.Answer:
    sys.stdout.write("this is no answer\n")
    sys.stdout.flush()
    if "end" in command:
        os._exit(command["end"])
    return command


if __name__ == "__main__":
    sys.stdout.write("nor is this\n")
    sys.stdout.flush()
    child.answer({"ready": True}, tell)
