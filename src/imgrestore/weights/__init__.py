"""Weights files, what their cards say, and which of them suits a task."""
