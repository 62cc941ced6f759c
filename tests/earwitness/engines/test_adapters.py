import json

import pytest

from earwitness.engines.adapters import Adapters
from earwitness.errors import InvalidInput, NotFound


def save(folder, **changes):
    """Writes as much of an adapter as is looked at."""
    folder.mkdir(parents=True)
    config = {"peft_type": "LORA", "r": 8, "target_modules": ["q_proj", "down_proj"], **changes}
    (folder / "adapter_config.json").write_text(json.dumps(config))
    (folder / "adapter_model.safetensors").write_bytes(json.dumps(changes).encode())
    return folder


async def test_adapters_are_found_by_name_and_under_the_root(tmp_path):
    named, root = save(tmp_path / "named"), tmp_path / "root"
    save(root / "one", r=4)
    save(root / "team" / "two", r=2)
    adapters = Adapters({"mine": named}, root, max_rank=8)
    assert adapters.names() == ["mine", "one"]
    found = [await adapters.find(name) for name in ("mine", "one", "team/two", "one")]
    assert [adapter.number for adapter in found] == [1, 2, 3, 2]
    assert len({adapter.fingerprint for adapter in found}) == 3


@pytest.mark.parametrize("name", ["no", "../out", "one/../../out", "/etc", "link", "", ".", "one\0", "one/"])
async def test_what_is_not_under_the_root_is_not_found_and_the_known_are_named(tmp_path, name):
    save(tmp_path / "root" / "one")
    save(tmp_path / "out")
    (tmp_path / "root" / "link").symlink_to(tmp_path / "out")
    with pytest.raises(NotFound) as caught:
        await Adapters({}, tmp_path / "root", max_rank=8).find(name)
    assert "one" in caught.value.remedy
    assert str(tmp_path) not in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"r": 16}, "rank 16"),
        ({"peft_type": "IA3"}, "no LoRA"),
        ({"target_modules": ["q_proj", "lm_head"]}, "lm_head"),
        ({"target_modules": "all-linear"}, "all-linear"),
        ({"modules_to_save": ["embed_tokens"]}, "embed_tokens"),
    ],
)
async def test_what_vllm_could_not_load_is_refused_before_it_tries(tmp_path, changes, says):
    save(tmp_path / "root" / "bad", **changes)
    with pytest.raises(InvalidInput, match=says):
        await Adapters({}, tmp_path / "root", max_rank=8).find("bad")


def test_a_listed_adapter_is_checked_at_start(tmp_path):
    with pytest.raises(NotFound) as caught:
        Adapters({"gone": tmp_path / "gone"}, None, max_rank=8)
    assert caught.value.field == "adapters.gone"
    assert not Adapters({}, None, max_rank=8)
