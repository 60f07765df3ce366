"""Chat templates of strangers: what could fill memory or never end is refused.

transformers runs templates in Jinja's sandbox, which keeps them from files and code, not from work.
"""

import ctypes
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from jinja2 import Environment, TemplateSyntaxError, nodes
from jinja2.ext import Extension
from jinja2.parser import Parser

from mlx_reward.utils.errors import InputError

MAX_NUMBER = 1_000_000  # no chat template counts that far; "a" * 9999999999 fills the memory
SECONDS = 5.0  # that a template may take for a conversation of a few words


class _Generation(Extension):
    """Parses the tag with which templates of transformers mark what the assistant says."""

    tags = {"generation"}  # noqa: RUF012  # as Jinja declares it

    def parse(self, parser: Parser) -> nodes.Node | list[nodes.Node]:
        next(parser.stream)
        return parser.parse_statements(("name:endgeneration",), drop_needle=True)


def check_template(template: str) -> None:
    """Refuse a template that is none, or that computes with numbers beyond MAX_NUMBER."""
    environment = Environment(extensions=["jinja2.ext.loopcontrols", _Generation])
    try:
        tree = environment.parse(template)
    except TemplateSyntaxError as error:
        raise InputError(f"the chat template is no Jinja template: {error}") from None
    except RecursionError:
        raise InputError("the chat template is nested too deeply") from None
    large = [n for n in tree.find_all(nodes.Const) if _beyond_limit(n.value)]
    products = [n for n in tree.find_all(nodes.Mul) if any(n.find_all(nodes.Mul))]
    if large or products or any(tree.find_all(nodes.Pow)):
        raise InputError("the chat template computes with numbers that no template needs")


def _beyond_limit(value: object) -> bool:
    return isinstance(value, int | float) and abs(value) > MAX_NUMBER


class TooSlow(Exception):
    """The time limit is over."""


@contextmanager
def time_limit() -> Iterator[None]:
    """Raise TooSlow in this thread if the block, Python code, takes longer than SECONDS."""
    thread = ctypes.c_ulong(threading.get_ident())
    timer = threading.Timer(
        SECONDS, ctypes.pythonapi.PyThreadState_SetAsyncExc, (thread, ctypes.py_object(TooSlow))
    )
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()  # it comes now or not at all
