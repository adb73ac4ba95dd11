"""Why a workspace on Kubernetes did not start, or has ended: from what the API server tells to a plain sentence."""
