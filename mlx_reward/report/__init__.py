"""metrics/report.html and the pictures, from figures that are already computed.

Computes no figure (evaluation does) and runs no model.
"""
