"""Every file the pipeline reads or writes, as dvc.yaml declares it."""

from pathlib import Path

PARAMS = Path("params.yaml")

BASE = Path("checkpoints/sft_merged_model")
REWARD_MODEL = Path("checkpoints/rm_model_bt")
CALIBRATION = Path("checkpoints/calibration.json")
TEST_REWARDS = Path("checkpoints/test_rewards.jsonl")
PROBE_EXAMPLES = Path("checkpoints/probe_examples.jsonl")

PAIRS = Path("data/processed/rm/rm_pairwise_train.jsonl")
REJECTED_ROWS = Path("data/processed/rm/rejected_rows.jsonl")
TRAIN = Path("data/processed/rm/rm_train.jsonl")
VALID = Path("data/processed/rm/rm_valid.jsonl")
TEST = Path("data/processed/rm/rm_test.jsonl")

METRICS = Path("metrics")
LIVE = METRICS / "live"  # curves while training runs, where they are asked for
PLOTS = METRICS / "plots"
REPORT = METRICS / "report.html"


def training_run(member: int) -> Path:
    """What a member's training is taken up from while it lasts; not an output of DVC, which removes
    these first.
    """
    return Path(f"checkpoints/.training_run-{member}.safetensors")
