"""One file a loss; the contract is `counterpoint.training.objective`."""
