"""A person who is called otherwise from now on keeps the home. In the hub's own process."""
