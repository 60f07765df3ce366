"""params.yaml: what does not fit is one line that names key, value and what is allowed."""

import re
from pathlib import Path

import pytest
import yaml

from mlx_reward.config.gate import GateSettings
from mlx_reward.config.reader import read_section
from mlx_reward.config.report import ReportSettings
from mlx_reward.config.train import TrainSettings
from mlx_reward.utils.errors import InputError

ROOT = Path(__file__).parents[2]


def changed(tmp_path: Path, **changes: object) -> Path:
    """The project's params.yaml with keys of section train replaced (None removes one)."""
    params = yaml.safe_load((ROOT / "params.yaml").read_text())
    params["train"] |= changes
    path = tmp_path / "params.yaml"
    path.write_text(yaml.safe_dump(params))
    return path


def test_the_projects_own_params_are_read() -> None:
    assert read_section(ROOT / "params.yaml", "train", TrainSettings).lora.rank == 8


@pytest.mark.parametrize("written", ["1e-4", "1.0e-4", "1E-4", "0.0001", ".1e-3"])
def test_a_number_may_be_written_as_dvc_writes_it(tmp_path: Path, written: str) -> None:
    """`dvc exp run -S train.learning_rate=1.0e-4` leaves 0.0001 or 1e-04 in params.yaml.

    PyYAML alone reads 1e-04 as text.
    """
    path = tmp_path / "params.yaml"
    text = (ROOT / "params.yaml").read_text()
    path.write_text(re.sub(r"learning_rate: \S+", f"learning_rate: {written}", text))
    assert read_section(path, "train", TrainSettings).learning_rate == 1e-4


@pytest.mark.parametrize(("written", "read"), [("off", "off"), ("auto", "auto"), ("2.5", 2.5)])
def test_off_is_a_word_as_it_is_for_dvc(tmp_path: Path, written: str, read: object) -> None:
    """PyYAML alone reads YAML 1.1, where off is false, and refused what params.yaml names."""
    path = tmp_path / "params.yaml"
    path.write_text(
        (ROOT / "params.yaml").read_text().replace("frozen_cache: auto", f"frozen_cache: {written}")
    )
    assert read_section(path, "train", TrainSettings).frozen_cache == read


def test_settings_are_frozen() -> None:
    settings = read_section(ROOT / "params.yaml", "gate", GateSettings)
    with pytest.raises(ValueError, match="frozen"):
        settings.max_ece = 1.0  # type: ignore[misc]  # that it fails is the point


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        (
            {"lora": {"rank": -1, "scale": 2.0, "dropout": 0.0}},
            r"train\.lora\.rank is -1: .*greater than or equal to 1",
        ),
        (
            {"lora": {"rank": 8, "scale": 2.0, "dropout": 1.2}},
            r"train\.lora\.dropout is 1\.2: .*less than 1",
        ),
        ({"learning_rate": "0.5"}, r"train\.learning_rate is '0\.5': .*number.*without quotes"),
        ({"batch_size": "8"}, r"train\.batch_size is '8': .*integer.*without quotes"),
        ({"batch_size": 8.5}, r"train\.batch_size is 8\.5: .*integer"),
        ({"batch_size": True}, r"train\.batch_size is True: .*integer"),
        ({"num_layers": 0}, r"train\.num_layers is 0: 0 would leave nothing .* -1 is all blocks"),
        ({"epochs": None}, r"train\.epochs is None: .*integer"),
        (
            {"learning_rat": 1.0},
            r"train\.learning_rat is unknown; the nearest key is learning_rate",
        ),
        ({"zzz": 1}, r"train\.zzz is unknown; remove it or mend its spelling"),
        (
            {"lora": {"rnak": 8, "scale": 2.0, "dropout": 0.0}},
            r"train\.lora\.rnak is unknown; the nearest key is rank",
        ),
        ({"learning_rate": 1e30}, r"train\.learning_rate is 1e\+30: .*less than or equal to 1"),
        ({"seed": 2**31}, r"train\.seed is 2147483648: .*less than or equal to 2147483647"),
        ({"members": 10**9}, r"train\.members is 1000000000: .*less than or equal to 64"),
        (
            {"lora": {"rank": 10**9, "scale": 2.0, "dropout": 0.0}},
            r"train\.lora\.rank is 1000000000: .*less than or equal to 4096",
        ),
        ({"learning_rate": float("inf")}, r"train\.learning_rate is inf: .*finite"),
        ({"lora": 8}, r"train\.lora is 8"),
        ({"frozen_cache": "of"}, r"train\.frozen_cache is 'of': input should be 'auto' or 'off'"),
        ({"num-layers": 1}, r"train\.num-layers is unknown; the nearest key is num_layers"),
    ],
)
def test_one_line_names_key_value_and_what_is_allowed(
    tmp_path: Path, changes: dict[str, object], line: str
) -> None:
    with pytest.raises(InputError, match=line) as caught:
        read_section(changed(tmp_path, **changes), "train", TrainSettings)
    assert "\n" not in str(caught.value)


def test_missing_key_section_and_file(tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    path.write_text("gate: {min_accuracy: 0.7}\n")
    with pytest.raises(InputError, match=r"gate\.max_ece is missing"):
        read_section(path, "gate", GateSettings)
    with pytest.raises(InputError, match="section 'train' is missing; take it over"):
        read_section(path, "train", TrainSettings)
    path.write_text("trian: {}\n")
    with pytest.raises(InputError, match="section 'train' is missing, but there is 'trian'"):
        read_section(path, "train", TrainSettings)
    path.write_text("gate: [unclosed\n")
    with pytest.raises(InputError, match="not YAML"):
        read_section(path, "gate", GateSettings)
    path.unlink()
    with pytest.raises(InputError, match="not there"):
        read_section(path, "gate", GateSettings)


def test_a_section_may_be_missing_if_every_key_has_a_default(tmp_path: Path) -> None:
    """Projects that were begun before there was the section go on working."""
    params = tmp_path / "params.yaml"
    params.write_text("gate: {}\n")
    assert read_section(params, "report", ReportSettings).texts
    params.write_text("reports: {texts: false}\n")
    with pytest.raises(InputError, match="'report' is missing, but there is 'reports'"):
        read_section(params, "report", ReportSettings)
