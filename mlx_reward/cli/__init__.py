"""The command ``mlx-reward``, built with typer: reads arguments and calls the rooms below.

What a command computes belongs to those rooms, which are imported inside the commands, so that
``mlx-reward --help`` loads neither MLX nor NumPy.
"""
