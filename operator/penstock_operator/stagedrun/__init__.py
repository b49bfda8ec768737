"""StagedRun: one run loaded, verified and put to its gates for one Materialization; at its end its data goes."""
