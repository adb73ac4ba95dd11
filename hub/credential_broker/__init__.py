"""The credential broker (`python -P -m hub.credential_broker`): tells agents of nodes what a pod's person keeps."""
