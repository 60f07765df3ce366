"""How good a reward model is: metrics, intervals, calibration, probes, benchmark sets, the gate.

Everything here is a function of arrays; what needs rewards takes ``score`` as a callable. This room
loads no MLX and never imports model or engine.
"""
