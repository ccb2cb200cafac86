"""qiqa: quantitative-imaging quality assurance."""

__version__ = "0.1.0"
