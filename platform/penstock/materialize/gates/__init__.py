"""Gates: what a run must pass before it may be served."""
