"""The client core: connections, jobs, files and queries, without anything of frames but `get_df`.

The public names are exported by :mod:`pandas_shooju`.
"""
