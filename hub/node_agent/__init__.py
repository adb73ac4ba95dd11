"""The agent of a node (`python -P -m hub.node_agent`): binds a home into a warm pod, and hands the pod its identity."""
