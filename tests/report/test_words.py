"""The page says in words what files name."""

import json

from mlx_reward.report.words import PROBES
from tests import ROOT


def test_every_family_of_probes_has_words() -> None:
    """New ones once stood on the page under the names of the code."""
    families = json.loads((ROOT / "metrics" / "probes.json").read_text())
    assert families.keys() <= PROBES.keys()
