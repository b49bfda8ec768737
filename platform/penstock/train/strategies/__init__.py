"""How the workers of a run work together: plug-ins of the entry point group `penstock.strategies`."""
