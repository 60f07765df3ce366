"""Preference data as people have it, converted to ``Pair`` rows at the door."""
