"""The job that stages a run: check the contract, load the stores, verify, put it to the gates, report."""
