"""Types of the fields of requests, and the way a list of texts may come."""

from itertools import islice
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    FailFast,
    model_validator,
)
from typing_extensions import TypeAliasType

MOST_FIELDS = 20  # more than any request has


def _encodable(text: str) -> str:
    """Return ``text``; ValueError where it cannot be written into an answer."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("holds half a surrogate pair") from None
    return text


def _few_fields(fields: Any) -> Any:
    """Return only some of a million fields, for a wrong one makes an error each."""
    return dict(islice(fields.items(), MOST_FIELDS)) if isinstance(fields, dict) else fields


Text = Annotated[str, AfterValidator(_encodable)]
Message = Annotated[dict[Text, Text], BeforeValidator(_few_fields)]
# Of a list, the first wrong element is enough: a million of them took half a minute and 4 GB.
Texts = TypeAliasType("Texts", Annotated[list[Text], FailFast()])
Messages = TypeAliasType("Messages", Annotated[list[Message], FailFast()])
Prompt = Text | Messages
Prompts = TypeAliasType("Prompts", Annotated[list[Prompt], FailFast()])
Conversations = TypeAliasType("Conversations", Annotated[list[Messages], FailFast()])


class Request(BaseModel):
    """A request of this project; unknown fields are an error."""

    model_config = ConfigDict(extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def limit_fields(cls, fields: Any) -> Any:
        """Leave few enough fields that each wrong one may be named."""
        return _few_fields(fields)


def as_list(texts: str | list[str]) -> list[str]:
    """Return a list of texts; contracts allow one by itself."""
    return [texts] if isinstance(texts, str) else texts
