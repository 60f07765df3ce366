from pathlib import Path

import pytest

from tests import tiny


@pytest.fixture(scope="session")
def backbone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A quantized tiny llama, as stage `base` would leave it."""
    return tiny.write_backbone(tmp_path_factory.mktemp("backbone") / "sft_merged_model", bits=4)
