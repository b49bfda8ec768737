"""The control plane of Penstock: reconcilers, and what drives them."""
