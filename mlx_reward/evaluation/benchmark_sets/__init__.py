"""Sets that others measure on, scored their way."""
