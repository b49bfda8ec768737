"""Feast: public names, the end of views and projects, and the port over all of it."""
