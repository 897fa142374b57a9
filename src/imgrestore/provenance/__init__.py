"""What a result says of how it was made, and making it again."""
