"""The types that a column may have: one row each, from which everything else that knows types derives."""
