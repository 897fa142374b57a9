"""Looking at a picture, and choosing what to do about it."""
