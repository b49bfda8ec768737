"""The stable public name of a FeatureView or VectorCollection: it follows the pointer of what feeds it."""
