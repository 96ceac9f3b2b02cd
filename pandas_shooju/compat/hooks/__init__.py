"""Hooks that may change every request and every response."""
