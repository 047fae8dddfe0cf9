"""User models, one file each; the contract is `counterpoint.users.model`."""
