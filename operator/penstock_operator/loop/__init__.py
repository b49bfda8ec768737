"""observe, plan, converge: the loop that every kind shares."""
