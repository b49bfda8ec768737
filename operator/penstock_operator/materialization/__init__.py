"""Materialization: the newest good run of a job, staged as a StagedRun, promoted by one pointer."""
