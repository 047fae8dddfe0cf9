"""Whole papers as one run each: `counterpoint reproduce`. A run is a list of cells, each stored when it is done."""
