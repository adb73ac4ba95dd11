"""Images on the nodes before anybody waits for them, and an environment's new image before it is offered."""
