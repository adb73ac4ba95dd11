"""The development cluster's identity provider: npm's oidc-provider with four people, as a company would run its own.

`provider.mjs` is the process, `record.py` what it and everybody who signs in read: `.cluster/identity/identity.json`.
"""
