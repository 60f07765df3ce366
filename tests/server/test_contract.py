"""Whatever the server answers, /openapi.json has documented."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from mlx_reward.inference.reward_model import RewardModel
from mlx_reward.server.app import Limits, create_app

ROUTES = 15  # in /openapi.json


@pytest.mark.slow
def test_answers_are_as_documented(checkpoints: Path) -> None:
    schemathesis = pytest.importorskip("schemathesis")
    from schemathesis.checks import not_a_server_error
    from schemathesis.specs.openapi import checks

    model = RewardModel.load(checkpoints / "rm_model_bt")
    app = create_app(model, "rm", None, {"testserver"}, Limits(max_waiting=20, max_body=20_000))
    schema = schemathesis.openapi.from_asgi("/openapi.json", app.asgi)
    kept = [
        not_a_server_error,
        checks.status_code_conformance,
        checks.content_type_conformance,
        checks.response_headers_conformance,
        checks.response_schema_conformance,
    ]
    seen = {found.ok().label: _statuses(found.ok(), kept) for found in schema.get_all_operations()}
    assert len(seen) == ROUTES
    assert set().union(*seen.values()) >= {200, 413, 422}


def _statuses(operation: Any, kept: list[Any]) -> set[int]:
    """Send requests to ``operation``, check their answers, and return the statuses of these."""
    seen: set[int] = set()

    @settings(
        max_examples=60,
        derandomize=True,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy())
    def answers_are_as_documented(case: Any) -> None:
        seen.add(case.call_and_validate(checks=kept).status_code)

    answers_are_as_documented()
    return seen
