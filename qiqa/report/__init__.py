"""Pages, tables and figures from a `QcResult`; nothing is measured or judged here.

`qiqa.report.html.write_html` writes the page of one exam, `qiqa.report.table.table_rows` gives the
same rows to a terminal, `qiqa.report.figures.figure` gives one picture to a notebook.
"""
