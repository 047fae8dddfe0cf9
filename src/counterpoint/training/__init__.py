"""From batches to a trained scorer."""
