"""params.yaml, typed: section ``train`` is read into ``settings/train.py``, and so on. Defaults live in params.yaml."""
