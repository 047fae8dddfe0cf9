"""Ways to steer, one file each."""
