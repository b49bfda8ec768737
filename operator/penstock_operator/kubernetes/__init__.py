"""The control plane in a cluster: kopf watches, one leader acts."""
