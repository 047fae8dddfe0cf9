"""Reports of any run or set of runs, from the common form of `results.json`: a suite needs no code of its own.

table.py      one table: what the page shows, a spreadsheet reads and a paper prints
latex.py      as LaTeX with booktabs      svg.py     a chart as a file that stands alone
measures.py   how metrics are called and which way is better      definitions.py  what a page's words mean
extract.py    results -> tables           figures.py results -> charts
pairing.py    runs on the same data, sample by sample
page.py       one run's page              several.py the page of several
writing.py    what is written where
"""
