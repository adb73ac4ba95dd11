"""What people's workspaces sign in with elsewhere: kept here once, shown to nobody again."""
