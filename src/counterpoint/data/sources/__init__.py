"""One file a format; the contract is `counterpoint.data.source`."""
