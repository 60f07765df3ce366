"""Edits of responses whose effect on the right order is known: what probes try, training may teach.

``wordings`` are the phrases, ``families`` the edits, ``augment`` makes training pairs of them. Some
families and some wordings are never trained on, so that probes measure more than memory.
"""
