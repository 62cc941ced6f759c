import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from earwitness.config import convert, load, to_tree
from earwitness.errors import InvalidInput, NotFound, UnknownKey


@dataclass(frozen=True, kw_only=True, slots=True)
class Engine:
    dtype: Literal["auto", "float32"] = "auto"
    threads: int = 0
    eager: bool | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Config:
    model: str = "tiny"
    language: str | None = None
    rate: float = 1e-4
    betas: tuple[float, float] = (0.9, 0.98)
    loud: bool = False
    folder: Path = Path("out")
    token_file: Path | None = None
    benchmarks: tuple[str, ...] = ("mini",)
    folders: tuple[Path, ...] = ()
    engine: Engine = field(default_factory=Engine)
    engines: tuple[Engine, ...] = ()
    spares: tuple[Engine, ...] | None = None
    pair: tuple[Engine, float] | None = None
    named: dict[str, Engine] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Needy:
    checkpoint: Path


@pytest.fixture
def yaml(tmp_path):
    def write(text):
        file = tmp_path / "config.yaml"
        file.write_text(text)
        return file

    return write


def test_without_a_word_everything_has_its_default():
    assert load(Config) == Config()


def test_the_command_line_beats_the_environment_and_that_the_file(yaml, monkeypatch):
    file = yaml("model: file\nlanguage: file\nengine: {threads: 1}\nrate: 0.5\n")
    monkeypatch.setenv("EW_MODEL", "environment")
    monkeypatch.setenv("EW_LANGUAGE", "environment")
    monkeypatch.setenv("EW_ENGINE__THREADS", "2")
    config = load(Config, file, ["language=command", "engine.eager=true"], env_prefix="EW")
    assert config.rate == 0.5
    assert config.model == "environment"
    assert config.language == "command"
    assert config.engine == Engine(threads=2, eager=True)


def test_the_last_setting_of_a_key_counts():
    assert load(Config, None, ["model=a", "model=b"]).model == "b"


def test_without_a_prefix_the_environment_is_not_read(monkeypatch):
    monkeypatch.setenv("EW_MODEL", "environment")
    monkeypatch.setenv("MODEL", "environment")
    assert load(Config).model == "tiny"


@pytest.mark.parametrize(
    ("setting", "key", "value"),
    [
        ("rate=1e-3", "rate", 1e-3),
        ("rate=2", "rate", 2.0),
        ("loud=true", "loud", True),
        ("loud=False", "loud", False),
        ("model=123", "model", "123"),
        ("model=1_000", "model", "1_000"),
        ("model=2024-01-01", "model", "2024-01-01"),
        ("model=12:30", "model", "12:30"),
        ("model=a=b", "model", "a=b"),
        ("model=a: [b", "model", "a: [b"),
        ("model=org/name@rev #1", "model", "org/name@rev #1"),
        ("language=no", "language", "no"),
        ("language=null", "language", None),
        ("folder=/data/in", "folder", Path("/data/in")),
        ("folder=2024", "folder", Path("2024")),
        ("token_file=~/token", "token_file", Path.home() / "token"),
        ("token_file=null", "token_file", None),
        ("benchmarks=[a, b]", "benchmarks", ("a", "b")),
        ("benchmarks=[]", "benchmarks", ()),
        ("betas=[0.5, 1]", "betas", (0.5, 1.0)),
        ("folders=[a, ~/b]", "folders", (Path("a"), Path.home() / "b")),
        ("engine={threads: 3}", "engine", Engine(threads=3)),
        ("engine.dtype=float32", "engine", Engine(dtype="float32")),
        ("engine.eager=false", "engine", Engine(eager=False)),
        ("engines=[{threads: 1}, {}]", "engines", (Engine(threads=1), Engine())),
        ("spares=[{threads: 1}, {}]", "spares", (Engine(threads=1), Engine())),
        ("spares=null", "spares", None),
        ("pair=[{threads: 1}, 2]", "pair", (Engine(threads=1), 2.0)),
        ("named.spare={threads: 1}", "named", {"spare": Engine(threads=1)}),
    ],
)
def test_a_setting_is_what_its_key_wants(setting, key, value, monkeypatch):
    assert getattr(load(Config, None, [setting]), key) == value
    name, _, text = setting.partition("=")
    monkeypatch.setenv("EW_" + name.upper().replace(".", "__"), text)
    assert getattr(load(Config, env_prefix="EW"), key) == value


@pytest.mark.parametrize(
    ("text", "key", "remedy"),
    [
        ("modle: a", "modle", "did you mean 'model'?"),
        ("engine: {thread: 1}", "engine.thread", "did you mean 'threads'?"),
        ("engines: [{}, {dtyp: auto}]", "engines[1].dtyp", "did you mean 'dtype'?"),
        ("spares: [{}, {dtyp: auto}]", "spares[1].dtyp", "did you mean 'dtype'?"),
        ("pair: [{dtyp: auto}, 1]", "pair[0].dtyp", "did you mean 'dtype'?"),
        ("named: {dtype: {dtyp: auto}}", "named.dtype.dtyp", "did you mean 'dtype'?"),
        ("engine: {xyz: 1}", "engine.xyz", "known keys: dtype, threads, eager"),
        ("1: a", "1", "known keys: model, language"),
    ],
)
def test_an_unknown_key_is_named_with_the_nearest_known_one(text, key, remedy, yaml):
    with pytest.raises(UnknownKey) as caught:
        load(Config, yaml(text))
    assert caught.value.field == key
    assert caught.value.remedy.startswith(remedy)


def test_an_unknown_key_is_named_wherever_it_comes_from(monkeypatch):
    with pytest.raises(UnknownKey, match=r"engine\.treads: .*'threads'"):
        load(Config, None, ["engine.treads=1"])
    monkeypatch.setenv("EW_ENGINE__TREADS", "1")
    with pytest.raises(UnknownKey, match=r"engine\.treads: .*'threads'"):
        load(Config, env_prefix="EW")


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("engine: {threads: many}", "engine.threads"),
        ("engine: {dtype: float8}", "engine.dtype"),
        ("engine: {eager: perhaps}", "engine.eager"),
        ("engine: 3", "engine"),
        ("engines: [{}, {threads: []}]", "engines[1].threads"),
        ("rate: fast", "rate"),
        ("loud: 3", "loud"),
        ("betas: [0.9]", "betas"),
        ("benchmarks: mini", "benchmarks"),
        ("benchmarks: [1]", "benchmarks[0]"),
        ("language: no", "language"),
        ("folder: 3", "folder"),
        ("token_file: [a]", "token_file"),
        ("folders: [a, 3]", "folders[1]"),
    ],
)
def test_a_value_of_the_wrong_type_is_named_by_its_key(text, key, yaml):
    with pytest.raises(InvalidInput) as caught:
        load(Config, yaml(text))
    assert caught.value.field == key
    assert caught.value.message


def test_the_origin_stands_before_the_key():
    with pytest.raises(UnknownKey, match=r"^args\.modle: "):
        convert(Config, {"modle": "a"}, "args.")
    with pytest.raises(InvalidInput, match=r"^args\.rate: "):
        convert(Config, {"rate": "fast"}, "args.")


def test_a_missing_key_is_named():
    with pytest.raises(InvalidInput, match="checkpoint"):
        load(Needy)


def test_a_key_below_a_value_is_refused(yaml):
    with pytest.raises(InvalidInput, match=r"^model: is a value, not a group of keys"):
        load(Config, yaml("model: a"), ["model.name=b"])


@pytest.mark.parametrize("setting", ["model", ""])
def test_a_setting_without_a_value_is_shown_how(setting):
    with pytest.raises(InvalidInput, match=f"--set: {setting!r} is not of the form key=value"):
        load(Config, None, [setting])


def test_a_missing_file_is_not_found(tmp_path):
    with pytest.raises(NotFound, match=r"absent\.yaml"):
        load(Config, tmp_path / "absent.yaml")


@pytest.mark.parametrize("content", [b"a: [", b"\xff\xfe\xfa", b"- a", b"3", b"", b"a: !!python/object:os.system {}"])
def test_a_file_that_is_no_mapping_of_keys_is_named(content, tmp_path):
    file = tmp_path / "config.yaml"
    file.write_bytes(content)
    with pytest.raises(InvalidInput, match=r"config\.yaml"):
        load(Config, file)


def test_a_folder_is_no_configuration_file(tmp_path):
    with pytest.raises(InvalidInput, match="not readable"):
        load(Config, tmp_path)


TEXTS = st.text(max_size=10)
PATHS = st.text("abc/.", min_size=1, max_size=10).map(Path)
ENGINES = st.builds(
    Engine, dtype=st.sampled_from(["auto", "float32"]), threads=st.integers(0, 99), eager=st.none() | st.booleans()
)
RATES = st.floats(0, 1)


@settings(deadline=None)
@given(
    st.builds(
        Config,
        model=TEXTS,
        language=st.none() | TEXTS,
        rate=RATES,
        betas=st.tuples(RATES, RATES),
        loud=st.booleans(),
        folder=PATHS,
        token_file=st.none() | PATHS,
        benchmarks=st.lists(TEXTS, max_size=3).map(tuple),
        folders=st.lists(PATHS, max_size=3).map(tuple),
        engine=ENGINES,
        engines=st.lists(ENGINES, max_size=3).map(tuple),
        spares=st.none() | st.lists(ENGINES, max_size=3).map(tuple),
        pair=st.none() | st.tuples(ENGINES, RATES),
        named=st.dictionaries(TEXTS, ENGINES, max_size=2),
    )
)
def test_a_configuration_comes_back_from_plain_values_and_from_a_file_of_them(config):
    assert convert(Config, to_tree(config)) == config
    assert convert(Config, json.loads(json.dumps(to_tree(config)))) == config
