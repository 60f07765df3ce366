"""The reward model over HTTP: its own API and those that clients of other projects speak."""
