"""The reward model over HTTP: routes, batching of requests, limits. What is scored, and how, belongs to inference."""
