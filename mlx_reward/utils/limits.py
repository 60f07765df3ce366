"""Limits of numbers that a user or a stranger writes down; beyond them a machine only chokes."""

MAX_RANK = 4096  # of adapters: as wide as a layer of a large model
MAX_MEMBERS = 64  # of an ensemble
MAX_SEED = 2**31 - 1
