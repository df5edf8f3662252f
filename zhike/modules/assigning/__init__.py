"""Assignment: which lead or customer goes to whom, by rules that are written down, and how soon they answer."""
