"""Health of a store and its leave-taking, the same for both kinds."""
