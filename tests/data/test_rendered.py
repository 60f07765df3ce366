"""Conversations in another model's chat template get the reward of the same messages."""

import time
from contextlib import suppress

import jinja2
import pytest

from mlx_reward.data.chat import Renderer
from mlx_reward.utils.errors import InputError
from tests.tiny import CHATML, tokenizer

# As the models' authors publish them, less what tools need.
LLAMA_3 = (
    "{{ '<|begin_of_text|>' }}{% for m in messages %}{{ '<|start_header_id|>' + m['role'] + "
    "'<|end_header_id|>\n\n' + m['content'] | trim + '<|eot_id|>' }}{% endfor %}"
)
LLAMA_3_1_SYSTEM = (
    "<|begin_of_text|><|start_header_id|>system<|end_header_id|>\n\nCutting Knowledge Date: "
    "December 2023\nToday Date: 26 Jul 2024\n\n<|eot_id|>"
)
GEMMA = (
    "{{ '<bos>' }}{% for m in messages %}{{ '<start_of_turn>' + ('model' if m['role'] == "
    "'assistant' else m['role']) + '\n' + m['content'] | trim + '<end_of_turn>\n' }}{% endfor %}"
)
MISTRAL = (
    "{{ '<s>' }}{% for m in messages %}{% if m['role'] == 'user' %}{{ '[INST] ' + m['content'] + "
    "' [/INST]' }}{% elif m['role'] == 'system' %}{{ '[SYSTEM_PROMPT]' + m['content'] + "
    "'[/SYSTEM_PROMPT]' }}{% else %}{{ ' ' + m['content'] + '</s>' }}{% endif %}{% endfor %}"
)
MESSAGES = [
    {"role": "user", "content": "one?"},
    {"role": "assistant", "content": "first,\n\nin two parts"},
    {"role": "user", "content": "and two?"},
    {"role": "assistant", "content": "second"},
]


def render(template: str, messages: list[dict[str, str]]) -> str:
    return jinja2.Environment().from_string(template).render(messages=messages)


def renderer(template: str = CHATML) -> Renderer:
    return Renderer(tokenizer(), 1000, template)


def expected(messages: list[dict[str, str]]) -> list[int]:
    return renderer().render(messages[:-1], messages[-1]["content"]).tokens


@pytest.mark.parametrize("template", [LLAMA_3, GEMMA, MISTRAL])
@pytest.mark.parametrize("start", [0, 2])
def test_messages_are_found_again(template: str, start: int) -> None:
    messages = MESSAGES[start:]
    text = render(template, messages)
    assert renderer().is_rendered(text)
    assert renderer().encode_rendered(text) == expected(messages)


@pytest.mark.parametrize(
    ("template", "end"), [(LLAMA_3, "<|eot_id|>"), (GEMMA, "<end_of_turn>\n"), (MISTRAL, "</s>")]
)
def test_what_ends_the_response_may_be_missing(template: str, end: str) -> None:
    """A policy that stopped at its last token often leaves it out."""
    text = render(template, MESSAGES).removesuffix(end)
    assert renderer().encode_rendered(text) == expected(MESSAGES)


@pytest.mark.parametrize("template", [LLAMA_3, MISTRAL])
def test_a_system_message_is_kept(template: str) -> None:
    messages = [{"role": "system", "content": "Be brief."}, *MESSAGES]
    assert renderer().encode_rendered(render(template, messages)) == expected(messages)


def test_the_date_that_llama_adds_is_left_out() -> None:
    """With it every reward would change overnight."""
    text = LLAMA_3_1_SYSTEM + render(LLAMA_3, MESSAGES).removeprefix("<|begin_of_text|>")
    assert renderer().encode_rendered(text) == expected(MESSAGES)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (render(LLAMA_3, MESSAGES[:3]), "does not end with a response"),
        ("<start_of_turn>tool\nx<end_of_turn>\n", "a message of 'tool'"),
        ("[INST] q [/INST] a</s> more", "text behind </s>"),
    ],
)
def test_what_cannot_be_taken_apart_is_refused(text: str, reason: str) -> None:
    """It once was scored as a text that spells control tokens."""
    with pytest.raises(InputError, match=reason):
        renderer().encode_rendered(text)


def test_the_backbones_own_template_is_not_another() -> None:
    """Mistral's first models spell [INST] as text, which no token of theirs tells."""
    text = "<s>[INST] q [/INST] a</s>"
    own = renderer("{% for m in messages %}[INST] {{ m['content'] }} [/INST]{% endfor %}")
    assert own.encode_rendered(text)[: len(text) // 2] == own._token_ids(text)[: len(text) // 2]


def test_a_quoted_token_of_another_template_stays_text() -> None:
    text = "<|im_start|>user\nWhat is [INST]?<|im_end|>\n<|im_start|>assistant\nA mark<|im_end|>\n"
    assert renderer().encode_rendered(text) == (
        renderer().render("What is [INST]?", "A mark").tokens
    )


@pytest.mark.parametrize("piece", ["[INST]", "<start_of_turn>user\n", " ", "<s>"])
def test_a_megabyte_of_one_token_takes_no_time(piece: str) -> None:
    """Each is refused, or a short text, before anything is searched twice."""
    begun = time.monotonic()
    with suppress(InputError):
        renderer().encode_rendered("[INST]" + piece * (1 << 20))
    assert time.monotonic() - begun < 20
