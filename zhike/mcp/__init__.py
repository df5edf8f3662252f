"""Zhike for assistants: the Model Context Protocol, a thin skin over the read gate and the write path."""
