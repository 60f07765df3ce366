"""What any program needs.

One-line errors, files that appear whole, tensors on disk, progress bars, the cache folder,
grouping. Knows nothing of rewards, models or preferences, and imports no other room.
"""
