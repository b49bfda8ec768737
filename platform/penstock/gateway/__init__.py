"""The serving app: features, vector search and query encoding, every answer of one run."""
