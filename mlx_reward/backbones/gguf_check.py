"""A GGUF file is whole and of known types before MLX reads it: MLX believes what the file states.

A length or an offset beyond the file's end is a segmentation fault there.
"""

import math
import struct
from pathlib import Path
from typing import Any

import numpy as np
from gguf import GGMLQuantizationType, GGUFReader, GGUFValueType

from mlx_reward.utils.errors import InputError

# Tensors that MLX reads. It knows some others by number only, or not at all.
TYPES = {
    GGMLQuantizationType[name]
    for name in ("F32", "F16", "Q4_0", "Q4_1", "Q8_0", "Q2_K", "Q4_K", "Q6_K")
}
MAX_DIMENSIONS = 4
_LENGTH = struct.Struct("<Q")


class _Reader(GGUFReader):
    """gguf's reader, to which what a file lacks at its end is merely shorter; here it is wrong.

    Arrays are passed over, because their own reader takes 10 seconds for a vocabulary.
    """

    def _get(self, offset: int, dtype: Any, count: Any = 1, override_order: Any = None) -> Any:
        end = int(offset) + np.dtype(dtype).itemsize * int(count)
        if end > len(self.data):
            raise ValueError(f"{end - len(self.data)} bytes are missing at its end")
        return super()._get(int(offset), dtype, count, override_order)

    def _get_field_parts(self, orig_offs: int, raw_type: int) -> Any:
        if raw_type != GGUFValueType.ARRAY:
            return super()._get_field_parts(orig_offs, raw_type)
        kind = GGUFValueType(int(self._get(orig_offs, np.uint32)[0]))
        count = int(self._get(orig_offs + 4, np.uint64)[0])
        start = orig_offs + 12
        if kind == GGUFValueType.STRING:
            end = self._end_of_strings(start, count)
        elif kind in self.gguf_scalar_to_np:
            end = start + self._get(start, self.gguf_scalar_to_np[kind], count).nbytes
        else:
            raise ValueError("an array of arrays")
        return end - orig_offs, [self._get(orig_offs, np.uint8, end - orig_offs)], [0], [raw_type]

    def _end_of_strings(self, start: int, count: int) -> int:
        """Return where ``count`` strings end that begin at ``start``, each after its length."""
        lengths = memoryview(self.data.data)
        offset = start
        for _ in range(count):
            if offset + 8 > len(self.data):
                raise ValueError("a list of texts goes beyond its end")
            offset += 8 + _LENGTH.unpack_from(lengths, offset)[0]
        self._get(offset, np.uint8, 0)  # the last one too ends within the file
        return offset


def check(file: Path) -> None:
    """Refuse a file that is not whole, or holds tensors that MLX does not read."""
    try:
        reader = _Reader(file)
        if reader.byte_order != "I":
            raise ValueError("its bytes are in the order of another kind of machine")
        for tensor in reader.tensors:
            _check_tensor(tensor)
    except (ValueError, KeyError, IndexError, OverflowError, RecursionError, MemoryError) as error:
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise InputError(f"{file}: not a whole GGUF file ({reason}); fetch it again") from None


def _check_tensor(tensor: Any) -> None:
    shape = [int(size) for size in tensor.shape]
    if not 1 <= len(shape) <= MAX_DIMENSIONS or min(shape) < 1 or math.prod(shape) > 1 << 62:
        raise ValueError(f"{tensor.name} has the shape {shape[:8]}")
    if tensor.tensor_type not in TYPES:
        raise ValueError(f"{tensor.name} is {tensor.tensor_type.name}, which MLX cannot read")
