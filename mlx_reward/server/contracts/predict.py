"""text-embeddings-inference's ``/predict``, by which classifiers and reward models are served.

https://huggingface.github.io/text-embeddings-inference; a batch is a list of lists.
"""

from typing import Annotated

from fastapi import FastAPI
from pydantic import BaseModel, Field

from mlx_reward.server.contracts.fields import Text, Texts
from mlx_reward.server.contracts.served import Served

Sequence = Annotated[Texts, Field(min_length=1, max_length=2)]


class PredictRequest(BaseModel):
    """``inputs``: a rendered conversation, a pair [prompt, response], or a list of lists of those.

    ``raw_scores`` asks for rewards as they are, not for the sigmoid of the reward in standard
    deviations of the training set.
    """

    inputs: Text | Sequence | list[Sequence]
    raw_scores: bool = False


class Prediction(BaseModel):
    score: float
    label: str = "LABEL_0"


def add_routes(app: FastAPI, served: Served) -> None:
    """Add the contract's route to ``app``."""

    @app.post("/predict")
    async def predict(request: PredictRequest) -> list[Prediction] | list[list[Prediction]]:
        """Answer as text-embeddings-inference does for a classifier of one label."""
        sequences, one = _sequences(request)
        encoded = (_encode(served, sequence, i) for i, sequence in enumerate(sequences))
        rewards, _ = await served.scorer.score(encoded, len(sequences))
        scores = rewards if request.raw_scores else served.model.normalized(rewards, "sigmoid")
        predictions = [[Prediction(score=float(score))] for score in scores]
        return predictions[0] if one else predictions


def _sequences(request: PredictRequest) -> tuple[list[list[str]], bool]:
    """Return the texts of each input, and whether there is only one that is not in a batch."""
    inputs = request.inputs
    if isinstance(inputs, str):
        return [[inputs]], True
    one = [item for item in inputs if isinstance(item, str)]
    return ([one], True) if one else ([item for item in inputs if not isinstance(item, str)], False)


def _encode(served: Served, sequence: list[str], position: int) -> list[int]:
    if len(sequence) == 1:
        return served.encode_one_rendered(sequence[0], f"inputs[{position}]")
    prompt, response = sequence
    return served.model.encode(prompt, response, f"[{position}]")
