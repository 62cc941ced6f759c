"""The laws of the house: see CONTRIBUTING.md."""

import ast
import re
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SERVICES = ("captioner", "llm", "lalm", "trainer", "evaluator")
HEAVY_PACKAGES = {
    "aiohttp", "peft", "psycopg", "pyarrow", "ray", "safetensors", "scipy", "soundfile", "sqlalchemy", "torch",
    "transformers", "uvloop", "vllm",
}  # fmt: skip
HEAVY = {
    "earwitness/audio.py",
    "earwitness/desta/adapters.py",
    "earwitness/desta/checkpoint.py",
    "earwitness/desta/connector.py",
    "earwitness/desta/encoder.py",
    "earwitness/desta/greedy.py",
    "earwitness/desta/layout.py",
    "earwitness/desta/loss.py",
    "earwitness/desta/model.py",
    "earwitness/desta/perception.py",
    "earwitness/desta/prefix.py",
    "earwitness/desta/tree.py",
    "services/captioner/acoustics.py",
    "services/captioner/frames.py",
    "services/captioner/pitch.py",
    "services/captioner/rhythm.py",
    "services/captioner/spectrum.py",
    "services/evaluator/akb/store/annotations.py",
    "services/evaluator/akb/store/schema.py",
    "services/evaluator/ledger/claims.py",
    "services/evaluator/ledger/engine.py",
    "services/evaluator/ledger/migrations.py",
    "services/evaluator/ledger/runs.py",
    "services/evaluator/ledger/schema.py",
    "services/evaluator/ledger/statements.py",
    "services/evaluator/ledger/store.py",
    "services/evaluator/web/app.py",
    "services/trainer/ears.py",
    "services/trainer/examples.py",
    "services/trainer/export/standalone.py",
    "services/trainer/learner.py",
    "services/trainer/loop.py",
    "services/trainer/state.py",
}
MAX_MODULE_LINES = 300
MAX_FUNCTION_LINES = 50
FORBIDDEN_NAMES = re.compile(r"^(utils?|common|helpers?|manager|misc)$|^handle_|^process_|^do_")


def modules(*folders: str) -> list[Path]:
    found = [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]
    return [path for path in found if "_pb2" not in path.name]


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def imports(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def top_level_imports(tree: ast.Module) -> Iterator[str]:
    for node in tree.body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield from imports(node)


PRODUCT = modules("earwitness", "services", "tools")


@pytest.mark.parametrize("path", modules("earwitness"), ids=name_of)
def test_the_library_imports_no_service(path: Path) -> None:
    assert not [name for name in imports(ast.parse(path.read_text())) if name.split(".")[0] in {"services", "tests"}]


@pytest.mark.parametrize("service", SERVICES)
def test_no_service_imports_another(service: str) -> None:
    others = tuple(f"services.{other}" for other in (*SERVICES, "cli") if other != service)
    for path in modules(f"services/{service}"):
        assert not [name for name in imports(ast.parse(path.read_text())) if name.startswith(others)], name_of(path)


@pytest.mark.parametrize("path", modules("earwitness", "services"), ids=name_of)
def test_heavy_packages_are_imported_late(path: Path) -> None:
    if name_of(path) in HEAVY:
        pytest.skip("named heavy")
    heavy = [name for name in top_level_imports(ast.parse(path.read_text())) if name.split(".")[0] in HEAVY_PACKAGES]
    assert not heavy


def test_what_is_named_heavy_exists() -> None:
    assert not [name for name in HEAVY if not (ROOT / name).is_file()]


@pytest.mark.parametrize("path", PRODUCT, ids=name_of)
def test_modules_and_functions_are_short_and_documented(path: Path) -> None:
    text = path.read_text()
    tree = ast.parse(text)
    assert ast.get_docstring(tree)
    assert text.count("\n") <= MAX_MODULE_LINES
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno - node.lineno < MAX_FUNCTION_LINES, node.name


@pytest.mark.parametrize("path", PRODUCT, ids=name_of)
def test_names_say_something(path: Path) -> None:
    names = [node.name for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.FunctionDef)]
    assert not [name for name in (path.stem, *names) if FORBIDDEN_NAMES.search(name)]


@pytest.mark.parametrize("path", PRODUCT, ids=name_of)
def test_errors_are_not_swallowed_and_nothing_is_left_undone(path: Path) -> None:
    text = path.read_text()
    assert not re.search(r"\b(TODO|FIXME|XXX|HACK)\b", text)
    assert not [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.ExceptHandler) and not node.type]


def test_every_test_folder_is_a_package() -> None:
    folders = {path.parent for path in (ROOT / "tests").rglob("test_*.py")}
    assert not [name_of(folder) for folder in folders if not (folder / "__init__.py").is_file()]


def test_google_s_proto_package_is_not_shadowed() -> None:
    assert not list((ROOT / "proto").rglob("__init__.py"))


def test_help_is_instant_and_imports_nothing_heavy() -> None:
    """0.3 s is the target; the test allows for a busy machine and looks at what was imported instead."""
    code = (
        "import sys; from services.cli.main import parser; parser().format_help();"
        f"print(*sorted({HEAVY_PACKAGES!r} & {{name.split('.')[0] for name in sys.modules}}))"
    )
    started = time.monotonic()
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT).stdout
    assert output.strip() == ""
    assert time.monotonic() - started < 2.0


def test_the_repository_names_no_path_of_a_machine_and_no_host_of_a_registry() -> None:
    listed = subprocess.run(["git", "ls-files"], capture_output=True, text=True, check=True, cwd=ROOT).stdout
    machine = re.compile(
        r"/(?:root|work|home/\w+|opt/(?:wheels|pypi))/|files\.python" + r"hosted\.org|regis" + r"try\.npmjs"
    )
    for name in listed.split("\n"):
        path = ROOT / name
        if (
            name
            and path.suffix in {".py", ".md", ".toml", ".yaml", ".yml", ".txt", ".proto", ".json", ".jsonl", ""}
            and path.is_file()
        ):
            assert not machine.search(path.read_text(errors="ignore")), name


def test_constraints_pin_what_every_extra_and_group_asks_for():
    """Together: what is pinned for one extra alone may not go with another."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wanted = [*project["project"]["dependencies"], *project["dependency-groups"]["dev"]]
    for extra, requirements in project["project"]["optional-dependencies"].items():
        wanted += requirements if extra != "gpu" else []
    pinned = {line.partition("==")[0] for line in (ROOT / "constraints.txt").read_text().splitlines()}
    names = {re.split(r"[^\w.-]", requirement)[0].lower() for requirement in wanted} - {"earwitness"}
    assert names - pinned == set()
