"""metrics/report.html and charts as SVG, from metrics that are already computed.

Computes no metric (evaluation does) and runs no model. HTML and SVG are written by the templates in
``templates``, which escape every text.
"""
