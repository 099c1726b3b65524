"""What an operator sees of reports about links, and does about them."""
