"""Pools: records that nobody has, who may take them, and when they go back.

`document` says what holds in a pool, `dates` when a record returns, `settling` writes that down, `owning` is what every
change of an owner does on the write path, `moving` takes and gives, `telling` puts it in words. What counts as looking
after a record, and what exempts one, modules make known in `clocks`.
"""
