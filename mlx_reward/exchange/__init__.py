"""Reward models to and from transformers' sequence classification."""
