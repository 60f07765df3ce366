"""From any file to preference pairs, and from pairs to token ids and batches. No MLX.

How rows are read (formats), where they come from (sources), how pairs are checked, split, rendered
and batched.
"""
