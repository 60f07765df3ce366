"""The tokenizer in a GGUF file's metadata as Hugging Face's tokenizer files."""

from pathlib import Path
from typing import Any

from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from mlx_reward.utils.errors import InputError

CONTROL = 3  # tokenizer.ggml.token_type of special tokens
# tokenizer.ggml.pre: how text is parted before byte-pair merges, as in each model's own
# tokenizer.json.
DIGITS = pre_tokenizers.Digits(individual_digits=True)
BYTE_LEVEL = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
PRE_TOKENIZERS: dict[str, list[Any]] = {"smollm": [DIGITS, BYTE_LEVEL], "gpt-2": [BYTE_LEVEL]}


def write_tokenizer(metadata: dict[str, Any], file: Path, target: Path) -> None:
    """Write tokenizer.json, tokenizer_config.json and the chat template to ``target``."""
    kind = metadata.get("tokenizer.ggml.model")
    pre = metadata.get("tokenizer.ggml.pre", "gpt-2")
    if kind != "gpt2" or pre not in PRE_TOKENIZERS:
        raise InputError(
            f"{file}: tokenizer {kind!r} with pre-tokenizer {pre!r}; of GGUF files, byte-level "
            f"BPE with {' or '.join(PRE_TOKENIZERS)} is read; take this model from the hub instead"
        )
    tokens = list(metadata["tokenizer.ggml.tokens"])
    names = {
        f"{name}_token": tokens[int(metadata[key].item())]
        for name, key in (
            ("bos", "tokenizer.ggml.bos_token_id"),
            ("eos", "tokenizer.ggml.eos_token_id"),
            ("unk", "tokenizer.ggml.unknown_token_id"),
            ("pad", "tokenizer.ggml.padding_token_id"),
        )
        if key in metadata
    }
    PreTrainedTokenizerFast(
        tokenizer_object=backend(
            tokens,
            metadata["tokenizer.ggml.token_type"].tolist(),
            metadata["tokenizer.ggml.merges"],
            pre,
        ),
        chat_template=metadata.get("tokenizer.chat_template"),
        clean_up_tokenization_spaces=False,
        **names,
    ).save_pretrained(target)


def backend(tokens: list[str], types: list[int], merges: list[str], pre: str) -> Tokenizer:
    """Return byte-level BPE over ``tokens`` with ``merges``, such as "a b".

    Tokens of type CONTROL are special.
    """
    pairs = [(left, right) for left, right in (merge.split(" ") for merge in merges)]
    tokenizer = Tokenizer(
        models.BPE(vocab={token: i for i, token in enumerate(tokens)}, merges=pairs)
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(PRE_TOKENIZERS[pre])
    tokenizer.decoder = decoders.ByteLevel()
    special = [t for t, kind in zip(tokens, types, strict=True) if kind == CONTROL]
    tokenizer.add_special_tokens([AddedToken(t, special=True, normalized=False) for t in special])
    return tokenizer
