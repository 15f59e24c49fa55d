"""The local screen: a small server and one page. It shows; it decides nothing."""
