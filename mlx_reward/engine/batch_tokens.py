"""How many tokens a batch holds while nothing is trained."""

from collections.abc import Mapping

CPU_BATCH_TOKENS = 4096  # over all streams: best of 1,024 to 8,192 on two cores
LEAST, MOST = 4096, 65536  # of an accelerator
# While a batch runs, MLX holds about so many numbers of 4 bytes for each token and hidden unit (the
# widest layers of a block, with their inputs and outputs).
NUMBERS_PER_UNIT = 64
SHARE = 1 / 16  # of the accelerator's memory, for one batch
# What MLX's device_info calls the memory: Metal's name for what it lets a process keep resident,
# and those of other devices.
MEMORY_FIELDS = ("max_recommended_working_set_size", "memory_size", "total_memory")


def accelerator_batch_tokens(device_info: Mapping[str, str | int], hidden_size: int) -> int:
    """Return about how many tokens an accelerator runs at once, by its memory.

    ``device_info`` is MLX's; where it names no memory, the least is assumed.
    """
    sizes = [int(device_info[name]) for name in MEMORY_FIELDS if name in device_info]
    if not sizes:
        return LEAST
    fitting = int(SHARE * sizes[0] / (4 * NUMBERS_PER_UNIT * hidden_size))
    return max(LEAST, min(fitting, MOST))
