"""The embedded control plane's API: objects in SQLite, served by the Kubernetes REST conventions."""
