"""Experiments beyond one table of accuracies, one file each; `counterpoint evaluate --suite NAME` runs them."""
