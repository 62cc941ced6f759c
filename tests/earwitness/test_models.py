import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from earwitness import models
from earwitness.embedded import EMBEDDED
from earwitness.errors import InvalidInput, NotFound
from earwitness.models import ModelRef, fingerprint, resolve
from tests.earwitness.model_hub import COMMIT, CONTENT, TOKEN, serve_hub


@pytest.fixture(autouse=True)
def own_home(monkeypatch, tmp_path):
    monkeypatch.setenv("EARWITNESS_HOME", str(tmp_path / "home"))


@pytest.fixture
def folder(tmp_path) -> Path:
    return write_model(tmp_path / "model")


def write_model(folder: Path) -> Path:
    folder.mkdir()
    for name, content in CONTENT.items():
        (folder / name).write_bytes(content)
    return folder


@pytest.mark.parametrize(
    ("text", "kind", "name", "revision"),
    [
        ("org/name", "hub", "org/name", None),
        ("org/name@main", "hub", "org/name", "main"),
        ("org/name@refs/pr/1", "hub", "org/name", "refs/pr/1"),
        (f"Qwen/Qwen2.5-0.5B@{COMMIT}", "hub", "Qwen/Qwen2.5-0.5B", COMMIT),
        ("./folder", "folder", "./folder", None),
        ("./folder@home", "folder", "./folder@home", None),
        ("../folder", "folder", "../folder", None),
        (".", "folder", ".", None),
        ("/abs/folder", "folder", "/abs/folder", None),
        ("~/folder", "folder", "~/folder", None),
        ("smollm2-135m-instruct", "embedded", "smollm2-135m-instruct", None),
        ("whisper-tiny-en", "embedded", "whisper-tiny-en", None),
    ],
)
def test_what_is_written_names_one_kind_of_model_and_is_written_back(text, kind, name, revision):
    ref = ModelRef.parse(text)
    assert (ref.kind, ref.name, ref.revision) == (kind, name, revision)
    assert str(ref) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "gpt2",
        "a/b/c",
        "org/",
        "org/name@",
        "org/na me",
        "org/name@a b",
        "org/name\n",
        "org/../name",
        ".hidden/name",
        "~other/name",
        "smollm2-135m-instruct@main",
        "https://example.org/name",
    ],
)
def test_what_names_no_model_is_answered_with_the_forms(text):
    with pytest.raises(InvalidInput, match=r"names no model \(write org/name, .* or one of smollm2-135m-instruct"):
        ModelRef.parse(text)


def test_code_that_comes_with_weights_is_trusted_only_on_request():
    assert not ModelRef.parse("org/name").trust_remote_code
    assert ModelRef.parse("org/name", trust_remote_code=True).trust_remote_code


def test_a_folder_is_used_where_it_lies(folder):
    assert resolve(ModelRef.parse(str(folder))) == folder


def test_a_missing_folder_is_named_with_a_remedy():
    with pytest.raises(NotFound, match=r"model: \./nowhere is not a folder \(name a hub model as org/name\)"):
        resolve(ModelRef.parse("./nowhere"))


def test_a_folder_without_a_configuration_is_no_model(folder):
    (folder / "config.json").unlink()
    with pytest.raises(InvalidInput, match=r"has no config\.json"):
        resolve(ModelRef.parse(str(folder)))


@pytest.mark.parametrize("content", ["{", "[]", "\xff"])
def test_a_broken_configuration_is_named(folder, content):
    (folder / "config.json").write_text(content, encoding="latin-1")
    with pytest.raises(InvalidInput, match=r"config\.json is not"):
        resolve(ModelRef.parse(str(folder)))


def test_a_half_copied_model_is_refused_by_the_missing_file(folder):
    index = {"weight_map": {"a": "model-1.safetensors", "b": "model-2.safetensors"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    (folder / "model-1.safetensors").touch()
    with pytest.raises(InvalidInput, match=r"lacks model-2\.safetensors \(1 of 2 files\)"):
        resolve(ModelRef.parse(str(folder)))


def test_a_folder_that_brings_code_needs_trust(folder):
    (folder / "config.json").write_text('{"auto_map": {"AutoModel": "modeling.Model"}}')
    with pytest.raises(InvalidInput, match="trust_remote_code"):
        resolve(ModelRef.parse(str(folder)))
    assert resolve(ModelRef.parse(str(folder), trust_remote_code=True)) == folder


def test_a_missing_or_empty_token_file_is_named_before_anything_is_asked(tmp_path):
    with pytest.raises(NotFound, match=r"hub_token_file: there is no file .*token"):
        resolve(ModelRef.parse("org/name"), hub_token_file=tmp_path / "token")
    (tmp_path / "token").write_text("\n")
    with pytest.raises(InvalidInput, match=r"hub_token_file: .*token is empty"):
        resolve(ModelRef.parse("org/name"), hub_token_file=tmp_path / "token")


@pytest.mark.models
@pytest.mark.parametrize("name", EMBEDDED)
def test_an_embedded_model_resolves_to_its_prepared_folder(name, smollm2_folder, whisper_folder, monkeypatch):
    prepared = smollm2_folder if name.startswith("smollm2") else whisper_folder
    monkeypatch.setenv("EARWITNESS_HOME", str(prepared.parent.parent))
    assert resolve(ModelRef.parse(name)) == prepared


def test_a_fingerprint_knows_neither_the_folders_name_nor_its_times(folder, tmp_path):
    first = fingerprint(folder)
    assert len(first) == 64
    assert fingerprint(write_model(tmp_path / "another")) == first
    os.utime(folder / "model.safetensors", (0, 0))
    assert fingerprint(folder.rename(tmp_path / "renamed")) == first


@pytest.mark.parametrize("name", CONTENT)
def test_a_fingerprint_changes_with_any_byte_of_any_part(folder, name):
    first = fingerprint(folder)
    for position in {0, len(CONTENT[name]) // 2, len(CONTENT[name]) - 1}:
        changed = bytearray(CONTENT[name])
        changed[position] ^= 1
        (folder / name).write_bytes(changed)
        assert fingerprint(folder) != first
    (folder / name).write_bytes(CONTENT[name])
    assert fingerprint(folder) == first


def test_a_fingerprint_changes_with_a_file_more_or_less_or_renamed(folder):
    seen = {fingerprint(folder)}
    (folder / "merges.txt").write_text("a b")
    seen.add(fingerprint(folder))
    (folder / "merges.txt").rename(folder / "vocab.txt")
    seen.add(fingerprint(folder))
    (folder / "additional_chat_templates").mkdir()
    (folder / "additional_chat_templates" / "tools.jinja").write_text("{{ tools }}")
    seen.add(fingerprint(folder))
    assert len(seen) == 4


def test_a_fingerprint_passes_over_what_is_not_the_model(folder):
    first = fingerprint(folder)
    (folder / "README.md").write_text("A model.")
    (folder / "original").mkdir()
    (folder / "original" / "params.json").write_text("{}")
    assert fingerprint(folder) == first


def test_a_folder_without_a_model_has_no_fingerprint(tmp_path):
    with pytest.raises(InvalidInput, match="holds no file of a model"):
        fingerprint(tmp_path)
    with pytest.raises(NotFound, match="nowhere is not a folder"):
        fingerprint(tmp_path / "nowhere")


def test_a_large_file_is_read_once_and_again_when_it_changes(folder, monkeypatch):
    monkeypatch.setattr(models, "_LARGE_BYTES", 100)
    monkeypatch.setattr(models, "_SETTLED_NS", 0)
    read: list[str] = []

    def digest(stream, name):
        read.append(Path(stream.name).name)
        return real(stream, name)

    real = hashlib.file_digest
    monkeypatch.setattr(hashlib, "file_digest", digest)
    first = fingerprint(folder)
    assert fingerprint(folder) == first
    assert read == ["model.safetensors"]
    status = (folder / "model.safetensors").stat()
    time.sleep(0.02)
    (folder / "model.safetensors").write_bytes(bytes(256))
    os.utime(folder / "model.safetensors", ns=(status.st_atime_ns, status.st_mtime_ns))
    assert fingerprint(folder) != first
    assert read == ["model.safetensors"] * 2


def test_a_file_that_changed_a_moment_ago_is_not_trusted_to_its_times(folder, monkeypatch):
    monkeypatch.setattr(models, "_LARGE_BYTES", 100)
    fingerprint(folder)
    assert not any((Path(os.environ["EARWITNESS_HOME"]) / "digests").iterdir())


@pytest.fixture
def hub() -> Iterator[str]:
    with serve_hub() as address:
        yield address


CODE = """
import sys
from pathlib import Path
from earwitness.errors import EarwitnessError
from earwitness.models import ModelRef, resolve
try:
    print(resolve(ModelRef.parse(sys.argv[1]), hub_token_file=Path(sys.argv[2]) if sys.argv[2:] else None))
except EarwitnessError as error:
    print(type(error).__name__, error)
"""


def ask(tmp_path: Path, endpoint: str, *arguments: str) -> str:
    """What `resolve` gives or says in a process of its own, since the hub library reads its environment once."""
    environment = {
        **os.environ,
        "HF_ENDPOINT": endpoint,
        "HF_HOME": str(tmp_path / "hf"),
        "HF_TOKEN": "",
        "HF_HUB_OFFLINE": "0",
    }
    command = [sys.executable, "-c", CODE, *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=60)
    return done.stdout.rstrip("\n")


def test_a_hub_model_is_downloaded_and_then_found_without_the_hub(hub, tmp_path, folder):
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    snapshot = ask(tmp_path, hub, "org/name", str(tmp_path / "token"))
    assert Path(snapshot).name == COMMIT
    assert fingerprint(Path(snapshot)) == fingerprint(folder), "a hub model and its copy are one model"
    assert ask(tmp_path, "http://127.0.0.1:9", "org/name") == snapshot
    assert ask(tmp_path, "http://127.0.0.1:9", f"org/name@{COMMIT}") == snapshot


def test_a_blob_of_the_hub_library_is_not_read_again(tmp_path, folder):
    digest = hashlib.sha256(CONTENT["model.safetensors"]).hexdigest()
    (tmp_path / "blobs").mkdir()
    (folder / "model.safetensors").rename(tmp_path / "blobs" / digest)
    first = fingerprint(write_model(tmp_path / "copy"))
    (folder / "model.safetensors").symlink_to(tmp_path / "blobs" / digest)
    (tmp_path / "blobs" / digest).write_bytes(b"never read")
    assert fingerprint(folder) == first


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("org/name", "NotFound model: there is no org/name on the hub, or no access to it"),
        ("org/gated", "NotFound model: org/gated is gated on the hub (accept its terms"),
    ],
)
def test_without_the_right_the_hubs_refusal_is_one_line(hub, tmp_path, text, answer):
    said = ask(tmp_path, hub, text)
    assert said.startswith(answer)
    assert "\n" not in said


def test_a_revision_that_does_not_exist_is_named(hub, tmp_path):
    (tmp_path / "token").write_text(TOKEN)
    said = ask(tmp_path, hub, "org/name@lost", str(tmp_path / "token"))
    assert said.startswith("NotFound model: org/name has no revision 'lost'")


def test_a_hub_that_does_not_answer_is_one_line_within_seconds_and_the_token_is_not_in_it(tmp_path):
    (tmp_path / "token").write_text(TOKEN)
    started = time.monotonic()
    said = ask(tmp_path, "http://127.0.0.1:9", "org/name@main", str(tmp_path / "token"))
    assert time.monotonic() - started < 20
    assert said.startswith("NotReady model: org/name@main was not downloaded before, and the model hub does not answer")
    assert "\n" not in said
    assert TOKEN not in said


def test_a_reference_has_no_place_for_a_token():
    assert set(ModelRef.__slots__) == {"kind", "name", "revision", "trust_remote_code"}
