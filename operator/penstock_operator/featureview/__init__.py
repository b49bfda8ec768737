"""FeatureView: a stable Feast feature service in front of one view for each run."""
