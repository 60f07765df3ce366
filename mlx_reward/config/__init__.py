"""params.yaml, typed: section ``train`` is read into ``config/train.py``, and so on.

Any room above may take a section as an argument; only pipeline reads the file. Nothing is
computed here.
"""
