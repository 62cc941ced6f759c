"""Compiles `proto/` with all that it imports into one image, which buf lints: `python -m tools.image FILE`."""

import sys

from tools.stubs import run

if __name__ == "__main__":
    sys.exit(run(["--include_imports", "--include_source_info", f"--descriptor_set_out={sys.argv[1]}"]))
