"""Every file the pipeline reads or writes, as dvc.yaml declares it."""

from pathlib import Path

PARAMS = Path("params.yaml")

BASE = Path("checkpoints/sft_merged_model")
REWARD_MODEL = Path("checkpoints/rm_model_bt")
TRAINING_RUN = Path("checkpoints/.training_run.safetensors")  # while it lasts; not an output, for DVC removes these first
CALIBRATION = Path("checkpoints/calibration.json")
TEST_REWARDS = Path("checkpoints/test_rewards.jsonl")

PAIRS = Path("data/processed/rm/rm_pairwise_train.jsonl")
REJECTED_ROWS = Path("data/processed/rm/rejected_rows.jsonl")
TRAIN = Path("data/processed/rm/rm_train.jsonl")
VALID = Path("data/processed/rm/rm_valid.jsonl")
TEST = Path("data/processed/rm/rm_test.jsonl")

METRICS = Path("metrics")
PLOTS = METRICS / "plots"
