"""Export to transformers, import from it, and fusing: rewards stay the same."""

import json
from pathlib import Path

import mlx.core as mx
import mlx_lm
import numpy as np
import pytest
from mlx.utils import tree_map
from transformers import AutoTokenizer

from mlx_reward.backbones.digest import digest
from mlx_reward.backbones.load import load_backbone
from mlx_reward.exchange.from_transformers import import_model
from mlx_reward.exchange.fuse import fuse
from mlx_reward.exchange.to_transformers import export
from mlx_reward.inference.reward_model import RewardModel
from mlx_reward.model import checkpoint
from mlx_reward.model.adapters import adapter_config, with_adapters
from mlx_reward.training.state import trainable_weights
from mlx_reward.utils.errors import InputError
from mlx_reward.utils.files import write_json
from tests import tiny

LORA = {"rank": 4, "scale": 2.0, "dropout": 0.0}
PROMPTS = ["short?", "a longer question, is it?"]
RESPONSES = ["yes", "no, and so on"]


def trained(
    folder: Path,
    architecture: str,
    kind: str = "lora",
    bits: int | None = None,
    head: str = "linear",
) -> Path:
    base = tiny.write_backbone(folder / "sft_merged_model", architecture, bits)
    model = with_adapters(load_backbone(base), 2, **LORA, fine_tune_type=kind, head=head)
    mx.random.seed(1)
    model.update(
        tree_map(lambda p: p + 0.1 * mx.random.normal(p.shape), model.trainable_parameters())
    )
    params = {"fine_tune_type": kind, "num_layers": 2, "head": head}
    config = checkpoint.RewardConfig(
        base=str(base),
        base_digest=digest(base),
        chat_template=tiny.CHATML,
        max_seq_length=200,
        reward_mean=0.5,
        reward_std=2.0,
        params=params,
    )
    adapters = adapter_config(2, **LORA, fine_tune_type=kind)
    checkpoint.save(folder / "rm_model_bt", [trainable_weights(model)], adapters, config)
    write_json(folder / "calibration.json", {"temperature": 2.0})
    return base


@pytest.mark.parametrize(
    ("architecture", "kind", "bits"),
    [
        *((name, "lora", None) for name in tiny.EXTRA),
        ("llama", "dora", 4),
        ("llama", "full", 4),
        ("qwen3", "lora", 4),
    ],
)
def test_export_and_import_keep_the_rewards(
    tmp_path: Path, architecture: str, kind: str, bits: int | None
) -> None:
    base = trained(tmp_path, architecture, kind, bits)
    before = RewardModel.load(tmp_path / "rm_model_bt").score(PROMPTS, RESPONSES)
    bias = export(tmp_path / "rm_model_bt", base, tmp_path / "hf")
    import_model(tmp_path / "hf", tmp_path / "again", 200, None)
    after = RewardModel.load(tmp_path / "again" / "rm_model_bt").score(PROMPTS, RESPONSES)
    assert after + bias == pytest.approx(before, abs=1e-4)
    assert np.ptp(before) > 1e-2


@pytest.mark.parametrize(
    ("architecture", "kind", "bits", "head"),
    [
        *((name, "lora", 4, "linear") for name in tiny.EXTRA),
        ("llama", "dora", 4, "mlp"),
        ("llama", "full", 4, "linear"),
    ],
)
def test_a_fused_model_needs_no_adapters_and_keeps_the_rewards(
    tmp_path: Path, architecture: str, kind: str, bits: int | None, head: str
) -> None:
    base = trained(tmp_path, architecture, kind, bits, head)
    before = RewardModel.load(tmp_path / "rm_model_bt")
    fuse(tmp_path / "rm_model_bt", base, tmp_path / "fused")
    after = RewardModel.load(tmp_path / "fused" / "rm_model_bt")
    assert after.score(PROMPTS, RESPONSES, "zscore") == pytest.approx(
        before.score(PROMPTS, RESPONSES, "zscore"), abs=1e-4
    )
    assert after.probability(1.0) == before.probability(1.0)
    mlx_lm.load(str(tmp_path / "fused" / "sft_merged_model"))


def test_no_source_and_no_folder_of_others_is_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`export d` once removed what was in d, `import hf -o hf` its own source."""
    base = trained(tmp_path / "ck", "llama")
    model = tmp_path / "ck" / "rm_model_bt"
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "thesis.txt").touch()
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    for target in ("d", ".", "ck", "ck/rm_model_bt", "ck/sft_merged_model"):
        for write in (fuse, export):
            for overwrite in (False, True):
                with pytest.raises(InputError, match=f"{target}: "):
                    write(model, base, Path(target), overwrite=overwrite)
    assert sorted(tmp_path.rglob("*")) == before

    export(model, base, Path("hf"))
    fuse(model, base, Path("fused"))
    kept = [path.read_bytes() for path in sorted(Path("hf").iterdir())]
    for overwrite in (False, True):
        with pytest.raises(InputError, match="hf: is or holds hf"):
            import_model(Path("hf"), Path("hf"), 200, None, overwrite)
    assert [path.read_bytes() for path in sorted(Path("hf").iterdir())] == kept
    export(model, base, Path("fused"), overwrite=True)  # either may replace the other
    fuse(model, base, Path("hf"), overwrite=True)
    assert (tmp_path / "fused" / "model.safetensors").exists()
    assert (tmp_path / "hf" / "rm_model_bt").exists()


def test_an_exported_folder_holds_what_transformers_needs(tmp_path: Path) -> None:
    base = trained(tmp_path, "qwen2", bits=4)
    metrics = {
        "pairs": 9,
        "temperature": 1.0,
        "calibration_knots": 0,
        "longer_wins_accuracy": 0.5,
        "bag_of_words_accuracy": 0.6,
    }
    for name in ("accuracy", "ece", "nll", "brier"):
        metrics |= {name: 0.7, f"{name}_low": 0.7, f"{name}_high": 0.7}
    write_json(tmp_path / "eval.json", metrics)
    export(tmp_path / "rm_model_bt", base, tmp_path / "hf", evidence=tmp_path / "eval.json")
    config = json.loads((tmp_path / "hf" / "config.json").read_text())
    assert config["architectures"] == ["Qwen2ForSequenceClassification"]
    assert list(config["id2label"]) == ["0"]
    assert "quantization" not in config
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "hf")
    assert tokenizer.pad_token_id == config["pad_token_id"]
    # No token_type_ids, which a causal model does not take.
    assert set(tokenizer("a")) == {"input_ids", "attention_mask"}
    fields = json.loads((tmp_path / "hf" / "tokenizer_config.json").read_text())
    # A class of transformers 5 that transformers 4 does not know.
    assert fields["tokenizer_class"] != "TokenizersBackend"
    assert tokenizer.chat_template == tiny.CHATML
    assert "| accuracy | 0.7000 | 0.7000 to 0.7000 |" in (tmp_path / "hf" / "README.md").read_text()
    weights = mx.load(str(tmp_path / "hf" / "model.safetensors"))
    assert weights["score.weight"].shape == (1, 32)
    assert {w.dtype for w in weights.values()} == {mx.float32}
    assert not [name for name in weights if "lora" in name or "scales" in name or "lm_head" in name]


def test_the_padding_token_is_not_the_last_token_of_a_text(tmp_path: Path) -> None:
    """transformers reads the reward before the padding, so a text must not end in that token."""
    base = trained(tmp_path, "llama")
    path = tmp_path / "rm_model_bt" / "reward_config.json"
    template = tiny.CHATML.replace("<|im_end|>\n", "<|endoftext|>")
    path.write_text(json.dumps(json.loads(path.read_text()) | {"chat_template": template}))
    export(tmp_path / "rm_model_bt", base, tmp_path / "hf")
    assert AutoTokenizer.from_pretrained(tmp_path / "hf").pad_token not in (None, "<|endoftext|>")


def test_models_that_cannot_be_exported_or_imported_are_refused(tmp_path: Path) -> None:
    base = trained(tmp_path, "llama", head="mlp")
    with pytest.raises(InputError, match="train.head: linear"):
        export(tmp_path / "rm_model_bt", base, tmp_path / "hf")
    with pytest.raises(InputError, match="--member 2: the model has 1"):
        export(tmp_path / "rm_model_bt", base, tmp_path / "hf", member=2)
    with pytest.raises(InputError, match="not one that ends with ForSequenceClassification"):
        import_model(base, tmp_path / "again", 200, None)
    assert not (tmp_path / "hf").exists()
    assert not (tmp_path / "again").exists()
