"""Help for the tests of the modules."""
