"""Sales: products, and deals that go through the stages of a pipeline."""
