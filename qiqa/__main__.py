"""`python -m qiqa` is `qiqa`."""

from qiqa.cli import main

main()
