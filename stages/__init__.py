"""One module a stage of dvc.yaml; run as ``python -m stages.train`` from the project's root."""
