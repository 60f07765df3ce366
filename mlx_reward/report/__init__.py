"""metrics/report.html: the evidence on one page that opens from disk, without a network."""
