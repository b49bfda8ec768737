"""The processes of the local stack, and how they are supervised."""
