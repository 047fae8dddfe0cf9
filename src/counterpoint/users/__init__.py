"""From choices to a belief about one person, and to what to ask next."""
