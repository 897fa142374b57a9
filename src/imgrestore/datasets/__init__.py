"""Training data: where pictures come from, one file per kind, and how batches are made of them."""
