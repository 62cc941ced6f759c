import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
STUBS = ROOT / "earwitness" / "v1"


def test_every_proto_has_its_stubs_and_every_stub_its_proto() -> None:
    protos = {path.stem for path in (ROOT / "proto" / "earwitness" / "v1").glob("*.proto")}
    assert protos == {path.name.removesuffix("_pb2.py") for path in STUBS.glob("*_pb2.py")}


def test_committed_stubs_are_what_the_generator_makes(tmp_path: Path) -> None:
    """The generator lives in an environment of its own, which `make setup` builds: it wants an older protobuf."""
    generator = ROOT / ".venv-proto" / "bin" / "python"
    if not generator.is_file():
        pytest.skip("no .venv-proto: run `make setup`")
    subprocess.run([generator, "-m", "tools.stubs", str(tmp_path)], cwd=ROOT, check=True)
    made = {path.name: path.read_bytes() for path in (tmp_path / "earwitness" / "v1").iterdir()}
    committed = {path.name: path.read_bytes() for path in STUBS.glob("*_pb2*")}
    assert made == committed


def test_the_proto_s_service_names_are_what_the_servicers_say() -> None:
    from services.cli.serve import SERVICES, servicer_of

    stated = {servicer_of(name).service for name in SERVICES}
    text = "".join(path.read_text() for path in (ROOT / "proto").rglob("*.proto"))
    assert all(f"service {name.rpartition('.')[2]} {{" in text for name in stated)
    assert sys.modules["earwitness"]
