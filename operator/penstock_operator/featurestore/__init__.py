"""FeatureStore: whether a Feast project's registry and online store answer."""
