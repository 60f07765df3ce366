"""Fill the templates of this room."""

from typing import Any

from mlx_reward.utils.templates import environment

ENVIRONMENT = environment("mlx_reward.report")
# The texts of the test pairs as they are, readable in the page's source.
ENVIRONMENT.policies["json.dumps_kwargs"] = {"ensure_ascii": False}


def number(value: float | None) -> str:
    """Return a metric or a count as people read it."""
    if value is None:
        return "not computed"
    return f"{value:,}" if isinstance(value, int) else f"{value:.4f}"


def interval(low: float | None, high: float | None) -> str:
    """Return the ends of an interval; nothing where there is none."""
    return "" if low is None or high is None else f"{low:.3f} to {high:.3f}"


def percent(share: float) -> str:
    """Return a share as a percentage."""
    return f"{share:.1%}"


ENVIRONMENT.filters |= {"number": number, "percent": percent}
ENVIRONMENT.globals["interval"] = interval


def render(template: str, **values: Any) -> str:
    """Return the text of ``template`` with ``values``."""
    return ENVIRONMENT.get_template(template).render(**values)
