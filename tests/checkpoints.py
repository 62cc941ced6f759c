"""Makes a DeSTA checkpoint of the embedded models, untrained: enough for everything but good answers."""

from pathlib import Path

import torch
from transformers import AutoConfig

from earwitness.desta import checkpoint
from earwitness.desta.config import DestaConfig
from earwitness.desta.connector import Connector

SETTINGS = DestaConfig(encoder="whisper-tiny-en", llm="smollm2-135m-instruct", qformer_layers=1, dtype="float32")


def untrained(folder: Path, encoder: Path, llm: Path) -> Path:
    """Writes the checkpoint, always the same, and returns its folder."""
    torch.manual_seed(0)
    width = AutoConfig.from_pretrained(llm).hidden_size
    connector = Connector(SETTINGS, AutoConfig.from_pretrained(encoder), width)
    checkpoint.save(folder, connector, SETTINGS, {})
    return folder
