"""Writing image files."""
