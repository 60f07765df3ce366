"""Published benchmark sets, scored by their official rules."""
