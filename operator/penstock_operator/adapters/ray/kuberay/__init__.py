"""KubeRay: a RayJob for each attempt and each staging, with a Ray cluster of its own."""
