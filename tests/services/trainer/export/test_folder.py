import json
import os
import subprocess
import sys
from dataclasses import replace

import pytest
import torch
from transformers import AutoTokenizer

from earwitness.desta import adapters, checkpoint
from earwitness.desta.config import LoraConfig
from earwitness.desta.connector import Connector
from earwitness.desta.model import DestaModel
from earwitness.desta.splice import Message, Splicer
from earwitness.errors import InvalidInput, NotFound
from services.trainer.export.folder import Choices, export, restore
from tests.earwitness.desta.conftest import LLM_WIDTH, make_llm, noise

QUESTION = "<|AUDIO|>\n\nWhat do you hear?"
# Of a folder and a number of tokens: the greedy text about a clip, by plain transformers, where Earwitness cannot be
# imported.
PROGRAM = """
import sys
class Gone:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("earwitness", "services", "msgspec"):
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Gone())
import numpy, torch
from transformers import AutoModel
torch.set_num_threads(1)
model = AutoModel.from_pretrained(sys.argv[1], trust_remote_code=True)
clip = numpy.load(sys.argv[2])
message = {"role": "user", "content": "<|AUDIO|>\\n\\nWhat do you hear?"}
print(model.respond([message], [clip], transcripts=["hello there"], max_new_tokens=8), end="")
"""


@pytest.fixture(scope="module")
def llm_folder(tokenizer, tmp_path_factory):
    folder = tmp_path_factory.mktemp("llm")
    make_llm("llama").save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture
def made(config, llm_folder, whisper, tmp_path):
    """Writes a checkpoint whose LLM has adapters, or none, and returns its folder and its model's greedy text."""

    def make(lora=None):
        import numpy as np

        settings = replace(config, llm=str(llm_folder), lora=lora)
        torch.manual_seed(7)
        model = DestaModel.load(settings, Connector(settings, whisper.config, LLM_WIDTH)).eval()
        for parameter in adapters.tensors(model.llm).values():
            parameter.data.normal_(std=0.3)
        place = tmp_path / "checkpoint"
        connector = model.perception.connector
        checkpoint.save(place, connector, settings, {"run": "r1"}, adapter=adapters.tensors(model.llm))
        np.save(tmp_path / "clip.npy", noise(1))
        return place, model, text_of(model, settings)

    return make


def text_of(model, settings):
    tokenizer = AutoTokenizer.from_pretrained(settings.llm)
    splicer = Splicer(tokenizer, settings)
    prompt = splicer.splice([Message(role="user", content=QUESTION, audios=("clip",))], ["hello there"])
    taps = model.perception.hear([noise(1)])
    (ids,) = model.generate([prompt], taps, eos=tokenizer.eos_token_id, max_new_tokens=8)
    return tokenizer.decode(ids, skip_special_tokens=True)


def plain_transformers(folder):
    """The text of an exported folder, in a process that cannot import Earwitness."""
    command = [sys.executable, "-c", PROGRAM, str(folder), str(folder.parent / "clip.npy")]
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder.parent, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize(
    ("lora", "choices"),
    [
        pytest.param(None, Choices(), id="plain"),
        pytest.param(LoraConfig(rank=4), Choices(), id="merged", marks=pytest.mark.catalogue),
        pytest.param(LoraConfig(rank=4), Choices(merge=False), id="apart", marks=pytest.mark.catalogue),
    ],
)
def test_plain_transformers_says_what_the_checkpoint_does(made, tmp_path, lora, choices):
    place, _, text = made(lora)
    out = export(place, tmp_path / "out", choices)
    assert text
    assert plain_transformers(out) == text


def test_the_folder_is_a_checkpoint_whose_model_says_the_same(made, whisper, tmp_path):
    place, model, text = made(LoraConfig(rank=4))
    out = export(place, tmp_path / "out")
    card = checkpoint.read_card(out)
    assert card.config.lora is None
    assert card.config.llm == str(out / "llm")
    connector = checkpoint.load(out, whisper.config, LLM_WIDTH)[0]
    merged = DestaModel.load(card.config, connector).eval()
    assert text_of(merged, card.config) == text
    assert checkpoint.fingerprint(connector) == checkpoint.fingerprint(model.perception.connector)


def test_adapters_that_stay_apart_are_in_the_checkpoint_that_the_folder_is(made, whisper, tmp_path):
    place, model, _ = made(LoraConfig(rank=4))
    out = export(place, tmp_path / "out", Choices(merge=False))
    adapter = checkpoint.load(out, whisper.config, LLM_WIDTH)[1]
    assert checkpoint.read_card(out).config.lora == LoraConfig(rank=4)
    assert all(torch.equal(each, adapter[name]) for name, each in adapters.tensors(model.llm).items())


def test_every_file_may_be_read_by_whom_the_umask_says(made, tmp_path):
    place, _, _ = made(LoraConfig(rank=4))
    before = os.umask(0o022)
    out = export(place, tmp_path / "out")
    os.umask(before)
    assert {path.stat().st_mode & 0o777 for path in out.rglob("*") if path.is_file()} == {0o644}


@pytest.mark.parametrize("choices", [Choices(), Choices(merge=False)], ids=["merged", "apart"])
@pytest.mark.parametrize("lora", [None, LoraConfig(rank=4)], ids=["plain", "adapted"])
def test_a_checkpoint_comes_back_from_its_export(made, tmp_path, lora, choices):
    place, _, _ = made(lora)
    back = restore(export(place, tmp_path / "out", choices), tmp_path / "back")
    assert checkpoint.read_card(back) == checkpoint.read_card(place)


def test_what_a_hub_has_is_named_and_what_no_hub_has_is_copied(made, llm_folder, config, tmp_path):
    place, _, _ = made()
    out = export(place, tmp_path / "out")
    card = json.loads((out / "config.json").read_text())
    assert card["parts"] == {"encoder": "encoder", "llm": "llm"}
    assert card["auto_map"]["AutoModel"] == "modeling_desta.EarwitnessDesta"
    assert {path.name for path in llm_folder.iterdir()} >= {path.name for path in (out / "llm").iterdir()}


def test_the_card_says_what_it_is_made_of(made, tmp_path):
    place, _, _ = made()
    rows = tmp_path / "rows"
    rows.mkdir()
    (rows / "card.json").write_text(json.dumps({"rows": {"train.jsonl": 1234}, "kinds": {"caption": 7}}))
    text = (export(place, tmp_path / "out", Choices(rows=rows)) / "README.md").read_text()
    fingerprint = checkpoint.read_card(place).fingerprint
    for said in ("Apache-2.0", "train.jsonl 1,234", "caption 7", fingerprint, '"run": "r1"', "trust_remote_code=True"):
        assert said in text


def test_a_folder_that_is_there_is_left_alone(made, tmp_path):
    place, _, _ = made()
    (tmp_path / "out").mkdir()
    with pytest.raises(InvalidInput, match="is there already"):
        export(place, tmp_path / "out")


def test_what_was_not_exported_cannot_be_restored(made, tmp_path):
    place, _, _ = made()
    with pytest.raises(InvalidInput, match="was not exported"):
        restore(place, tmp_path / "back")
    with pytest.raises(NotFound):
        restore(tmp_path / "nothing", tmp_path / "back")


def test_the_commands_export_and_restore(made, tmp_path, capsys):
    from argparse import ArgumentParser

    from services.trainer.export.commands import register

    place, _, _ = made(LoraConfig(rank=4))
    parser = ArgumentParser()
    register(parser.add_subparsers())
    for line in (
        ["export", place, tmp_path / "out", "--keep-adapters"],
        ["restore", tmp_path / "out", tmp_path / "back"],
    ):
        options = parser.parse_args(list(map(str, line)))
        options.execute(options)
    assert checkpoint.read_card(tmp_path / "back") == checkpoint.read_card(place)
    assert str(tmp_path / "back") in capsys.readouterr().out
