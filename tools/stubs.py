"""Generates the gRPC stubs from `proto/`: `python -m tools.stubs [FOLDER]`, with the packages of the group `proto`.

The generator is older than the runtime on purpose: stubs of grpcio-tools 1.76 import on protobuf 6.33 and 7, those of
newer ones on 7 alone.
"""

import sys
from collections.abc import Sequence
from pathlib import Path


def run(outputs: Sequence[str]) -> int:
    """Runs protoc over every file of `proto/` with these output options; returns its exit status."""
    import google.rpc
    from grpc_tools import protoc  # pyright: ignore[reportMissingImports] (in .venv-proto alone)

    root = Path(__file__).parents[1] / "proto"
    own = Path(protoc.__file__).parent / "_proto"
    includes = [root, own, *[Path(place).parents[1] for place in google.rpc.__path__]]
    files = [str(path) for path in sorted((root / "earwitness" / "v1").glob("*.proto"))]
    return int(protoc.main(["protoc", *[f"-I{include}" for include in includes], *outputs, *files]))


if __name__ == "__main__":
    out = sys.argv[1] if len(sys.argv) > 1 else "."
    sys.exit(run([f"--{kind}_out={out}" for kind in ("python", "pyi", "grpc_python")]))
