"""Where a backbone comes from, and how it becomes a folder that ``mlx_lm.load`` opens."""
