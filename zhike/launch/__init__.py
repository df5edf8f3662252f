"""Brings up what Zhike runs on: its folder, PostgreSQL, a free port, and the processes themselves."""
