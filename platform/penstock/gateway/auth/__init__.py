"""Who may ask: by Kubernetes' reviews, by static keys, or anybody; and how often."""
