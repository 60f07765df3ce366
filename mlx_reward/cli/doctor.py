"""The command ``doctor``: what this machine offers to mlx-reward."""


def doctor() -> None:
    """Print device, BLAS and its speed, streams, memory and cache."""
    from mlx_reward.cpu import prepare

    prepare.prepare()  # before MLX is loaded, as in every room that uses it
    from mlx_reward.cli.machine import describe_machine

    for name, value in describe_machine():
        print(f"{name:<16}{value}")
