"""The run directory: the only thing that training, materialization and serving share."""
