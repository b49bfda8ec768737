"""The stores behind their ports: blocking SDKs in worker threads, with a bound on each call."""
