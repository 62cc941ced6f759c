"""A model without ears, in the engine for those that have some; with ears: `tests/catalogue/test_hearing.py`."""

from pathlib import Path

import numpy as np
import pytest

from earwitness.engines.options import VllmOptions
from earwitness.engines.vllm_audio import HeardPrompt, VllmAudioEngine
from earwitness.errors import InvalidInput
from earwitness.sampling import Sampling

pytestmark = [pytest.mark.models, pytest.mark.catalogue]


async def test_a_model_that_takes_text_alone_refuses_clips_and_goes_on(smollm2_folder: Path) -> None:
    engine = VllmAudioEngine(smollm2_folder, VllmOptions(max_model_len=256, max_num_seqs=2))
    try:
        clip = np.zeros(1600, np.float32)
        with pytest.raises(InvalidInput, match="messages: the model takes text alone"):
            await engine.listen(HeardPrompt(ids=[1, 2, 3], clips=[clip]), Sampling(max_tokens=2))
        answer = await engine.listen(HeardPrompt(ids=[1, 2, 3], clips=[]), Sampling(max_tokens=2))
        assert answer.completion_tokens == 2
        assert engine.num_running == 0
    finally:
        engine.stop()
