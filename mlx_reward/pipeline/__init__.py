"""The stages of dvc.yaml, a module each: reads its section of params.yaml and files, calls the
rooms below, writes last.

The only room that reads params.yaml or names a path (paths.py). What a stage computes belongs
below.
"""
