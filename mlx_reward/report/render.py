"""Fill the templates of this room."""

from typing import Any

from mlx_reward.report import words
from mlx_reward.utils.templates import environment

ENVIRONMENT = environment("mlx_reward.report")
# The texts of the test pairs as they are, readable in the page's source.
ENVIRONMENT.policies["json.dumps_kwargs"] = {"ensure_ascii": False}
ENVIRONMENT.filters |= {
    "number": words.number,
    "percent": words.percent,
    "points": words.points,
    "field_name": words.field_name,
    "probe_name": words.probe_name,
}


def render(template: str, **values: Any) -> str:
    """Return the text of ``template`` with ``values``."""
    return ENVIRONMENT.get_template(template).render(**values)
