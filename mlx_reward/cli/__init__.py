"""The command ``mlx-reward``: reads arguments and calls the rooms below; what a command does belongs there."""
