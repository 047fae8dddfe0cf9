"""Ways of computing a plan, one file each."""
