"""PrefEval (Zhao et al. 2025, arXiv 2502.09597): preferences stated, shown or hinted at, and questions they bear on."""
