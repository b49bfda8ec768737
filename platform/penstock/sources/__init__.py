"""Folders of code as archives: packed, kept in the artifact store by their digest, and unpacked."""
