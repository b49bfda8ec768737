"""The ports on real parts: Feast, Milvus, Ray, the artifact store; each call is bounded in time."""
