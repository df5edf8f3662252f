"""The configuration of a firm: its document, what is wrong with one, how one is changed, published and taken back."""
