"""Hand-over: what somebody leaves behind, who goes on with it, and whether customers stay when people go."""
