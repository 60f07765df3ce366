"""Preference data in the formats that people have, converted to ``Pair`` rows."""
