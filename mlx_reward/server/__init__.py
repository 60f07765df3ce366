"""The reward model over HTTP: routes, batching of requests, limits.

How texts are scored belongs to inference.
"""
