"""How good a reward model is: metrics and their intervals, calibration, probes, benchmark sets, the gate.

Functions of arrays; what needs rewards takes ``score`` as a callable. Never imports model or engine, and no MLX.
"""
