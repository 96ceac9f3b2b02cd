"""Everything that touches a frame: reading one, writing one, comparing two, and the hooks into pandas."""
