"""What any program needs: one-line errors, files that appear whole, tensors on disk, progress bars, the cache folder.

Knows nothing of rewards, models or preferences, and imports no other room.
"""
