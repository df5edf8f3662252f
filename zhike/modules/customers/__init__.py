"""Customers: firms and persons, the people in them, and how to reach them."""
