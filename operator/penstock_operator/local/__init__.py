"""The embedded control plane of a laptop: objects, their API, and the processes around them."""
