"""The Kubernetes API, as it is reached: kubeconfigs, credentials, TLS, and requests over httpx2."""
