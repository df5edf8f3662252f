"""Leads: first signs of interest, qualified and converted once into customers."""
