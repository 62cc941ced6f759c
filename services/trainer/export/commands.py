"""`earwitness train export` and `restore`."""

import argparse
from pathlib import Path
from typing import Any


def register(steps: Any) -> None:
    """Adds the commands to the steps of `earwitness train`."""
    export = steps.add_parser("export", help="make a folder of a checkpoint for transformers, a hub and `serve lalm`")
    export.add_argument("checkpoint", type=Path)
    export.add_argument("out", type=Path, help="folder to make")
    export.add_argument(
        "--rows", type=Path, metavar="FOLDER", help="training rows, whose card.json the model card sums up"
    )
    export.add_argument(
        "--keep-adapters",
        action="store_true",
        help="leave adapters beside the LLM, in peft's form",
    )
    export.add_argument(
        "--bundle", action="store_true", help="copy encoder and LLM into the folder even if a hub has them"
    )
    export.set_defaults(execute=execute_export)
    restore = steps.add_parser("restore", help="get back the checkpoint that a folder was exported from")
    restore.add_argument("exported", type=Path)
    restore.add_argument("checkpoint", type=Path, help="folder to make")
    restore.set_defaults(execute=execute_restore)


def execute_export(options: argparse.Namespace) -> None:
    """Exports a checkpoint and says where."""
    from services.trainer.export.folder import Choices, export

    choices = Choices(merge=not options.keep_adapters, bundle=options.bundle, rows=options.rows)
    print(f"  exported: {export(options.checkpoint, options.out, choices)}")


def execute_restore(options: argparse.Namespace) -> None:
    """Restores a checkpoint and says where."""
    from services.trainer.export.folder import restore

    print(f"  checkpoint: {restore(options.exported, options.checkpoint)}")
