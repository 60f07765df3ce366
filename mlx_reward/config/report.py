"""Section ``report``: what metrics/report.html shows."""

from mlx_reward.config.reader import Settings


class ReportSettings(Settings):
    texts: bool
