"""How a network learns: optimisers and schedules."""
