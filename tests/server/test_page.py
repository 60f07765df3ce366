"""The page at / in a real browser: a whole comparison by keyboard, without a network."""

import asyncio
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
import uvicorn
from fastapi.testclient import TestClient

from mlx_reward.inference.reward_model import RewardModel
from mlx_reward.server.app import Limits, create_app
from mlx_reward.server.serve import LOOPBACK
from tests import ROOT

NASTY = "<img src=x onerror=alert(1)> <script>alert(2)</script>"
TEXTS = ["a long answer, and so on", "no", f"perhaps {NASTY}"]


@pytest.fixture(scope="module")
def model() -> RewardModel:
    return RewardModel.load(ROOT / "tests/fixtures/checkpoint_format_1/rm_model_bt")


def run_server(model: RewardModel, token: str | None) -> Iterator[str]:
    app = create_app(model, "rm", token, LOOPBACK, Limits())
    config = uvicorn.Config(app.asgi, port=0, ws="none", log_config=None)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=lambda: asyncio.run(server.serve()))
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join()


@pytest.fixture
def address(model: RewardModel) -> Iterator[str]:
    yield from run_server(model, token=None)


@pytest.fixture
def guarded_address(model: RewardModel) -> Iterator[str]:
    yield from run_server(model, token="secret")


def opened(browser: Any, address: str, **options: Any) -> tuple[Any, list[str]]:
    """Return the page and what went wrong on it: errors, dialogs, requests to elsewhere."""
    tab = browser.new_page(**options)
    wrong: list[str] = []
    tab.on("pageerror", lambda error: wrong.append(str(error)))
    tab.on("dialog", lambda dialog: wrong.append(dialog.message))
    tab.on("request", lambda r: None if r.url.startswith(address) else wrong.append(r.url))
    tab.goto(address)
    return tab, wrong


def type_comparison(tab: Any, texts: list[str]) -> None:
    """Fill the form and send it, by the keyboard alone."""
    tab.focus("#prompt")
    tab.keyboard.type("short?")
    for n, text in enumerate(texts):
        if n >= 2:
            tab.focus("#add")
            tab.keyboard.press("Enter")  # which moves on to the new answer
        else:
            while not tab.evaluate(f"document.activeElement.id === 'answer-{n + 1}'"):
                tab.keyboard.press("Tab")
        tab.keyboard.insert_text(text)
    tab.keyboard.press("Control+Enter")


def test_a_whole_comparison_by_keyboard(browser: Any, address: str, model: RewardModel) -> None:
    tab, wrong = opened(browser, address)
    type_comparison(tab, TEXTS)
    tab.wait_for_selector("#places li")
    rewards, uncertainties = model.score_with_uncertainty(["short?"] * 3, TEXTS)
    order = sorted(range(3), key=lambda i: -rewards[i])
    assert tab.locator("#places .text").all_inner_texts() == [TEXTS[i] for i in order]
    shown = tab.locator(".number.reward").all_inner_texts()
    assert shown == [f"{rewards[i]:.2f} ± {uncertainties[i]:.2f}" for i in order]
    chances = tab.locator(".number.chance").all_inner_texts()
    best, second = order[:2]
    expected = model.compare("short?", TEXTS[best], TEXTS[second])
    assert chances[:2] == [f"{100 * expected:.1f} %", f"{100 - 100 * expected:.1f} %"]
    widths = [box["width"] for box in map(_box, tab.locator(".bar.chance span").all())]
    assert widths == sorted(widths, reverse=True)
    assert tab.evaluate("document.activeElement.id") == "ranking"  # where a reader goes on
    assert tab.inner_text("#model") == "rm"
    assert wrong == []
    tab.close()


def _box(locator: Any) -> dict[str, float]:
    box: dict[str, float] = locator.bounding_box()
    return box


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_a_phone(browser: Any, address: str, scheme: str) -> None:
    view = {"width": 390, "height": 800}
    tab, wrong = opened(browser, address, viewport=view, color_scheme=scheme)
    type_comparison(tab, ["word " * 20, "w" * 100])
    tab.wait_for_selector("#places li")
    assert tab.evaluate("document.documentElement.scrollWidth") <= 390
    assert min(_box(button)["height"] for button in tab.locator(".buttons button").all()) >= 44
    assert wrong == []
    tab.close()


def test_an_error_is_shown_and_answers_can_be_removed(browser: Any, address: str) -> None:
    tab, _ = opened(browser, address)
    type_comparison(tab, ["yes", "x" * 1000, "no"])
    tab.wait_for_selector("#error:not(:empty)")  # a function would be an eval, which the page bars
    assert "over max_seq_length" in tab.inner_text("#error")
    assert tab.is_hidden("#results")
    tab.click("[aria-label='Remove answer 2']")
    assert tab.locator(".remove:visible").count() == 0  # two have to be left
    tab.keyboard.press("Control+Enter")
    tab.wait_for_selector("#places li")
    assert tab.inner_text("#error") == ""
    tab.close()


def test_a_guarded_server_asks_for_its_token(browser: Any, guarded_address: str) -> None:
    tab, _ = opened(browser, guarded_address)
    type_comparison(tab, ["yes", "no"])
    tab.wait_for_selector("#token", state="visible")
    assert "Bearer" in tab.inner_text("#error")
    tab.keyboard.type("secret")
    tab.keyboard.press("Enter")
    tab.wait_for_selector("#places li")
    tab.close()


def test_the_page_may_load_nothing_from_elsewhere(model: RewardModel) -> None:
    app = create_app(model, "rm", "secret", LOOPBACK, Limits())
    with TestClient(app.asgi) as client:
        answer = client.get("/")
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")
    assert "http" not in answer.text
