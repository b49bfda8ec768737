"""Ray, behind the port."""
