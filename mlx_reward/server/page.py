"""The page at /: type a prompt and answers to it, and see them ranked. It loads nothing else."""

from importlib import resources

from fastapi import FastAPI
from fastapi.responses import HTMLResponse

# All that it may do is ask this server, and nobody may show it in a frame.
POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


def add_page(app: FastAPI) -> None:
    """Add the page to ``app``."""
    file = resources.files("mlx_reward.server").joinpath("templates/page.html")
    text = file.read_text(encoding="utf-8")

    @app.get("/", response_class=HTMLResponse, include_in_schema=False)
    async def page() -> HTMLResponse:
        return HTMLResponse(text, headers={"Content-Security-Policy": POLICY})
