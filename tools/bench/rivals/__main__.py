"""Makes `.venv-bench`, unless it is there as pinned, and prints where its programs are: see `make test-clients`."""

from tools.bench import rivals

if __name__ == "__main__":
    rivals.prepare()
    print(rivals.BIN)
