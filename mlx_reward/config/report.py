"""Section ``report``: what metrics/report.html shows."""

from mlx_reward.config.reader import Settings


class ReportSettings(Settings):
    # The default keeps params.yaml of projects that were begun before there was this section.
    texts: bool = True
