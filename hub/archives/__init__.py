"""Homes of people who were deleted: kept for a while, then put aside whole, and brought back by one command."""
