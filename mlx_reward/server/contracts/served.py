"""What a route needs: the model that is served, its name, and the scorer."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from mlx_reward.inference.reward_model import EncodedText, RewardModel
from mlx_reward.server.scorer import Scorer
from mlx_reward.utils.errors import InputError


@dataclass(frozen=True)
class Served:
    """``model`` under ``name``, scored by ``scorer``."""

    model: RewardModel
    name: str
    scorer: Scorer

    def encode_rendered(self, texts: Iterable[str], field: str) -> Iterator[EncodedText]:
        """Yield the texts of conversations that are rendered with a chat template.

        InputError names ``field`` where one is none, for a reward of half a conversation means
        nothing.
        """
        for i, text in enumerate(texts):
            yield self.encode_one_rendered(text, f"{field}[{i}]")

    def encode_one_rendered(self, text: str, field: str) -> EncodedText:
        """Return the same for one text."""
        renderer = self.model.renderer
        if not renderer.is_rendered(text) and not renderer.is_plain:
            raise InputError(
                f"{field} is no rendered conversation; apply the chat template of the reward "
                "model's backbone to prompt and response, or send both to /score"
            )
        return self.model.encode_rendered(text, field)
