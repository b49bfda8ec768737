"""Health of a store and its leave-taking, the same for FeatureStores and VectorStores."""
