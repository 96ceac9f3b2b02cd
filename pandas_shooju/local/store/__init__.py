"""The store of the embedded Shooju: one SQLite file (and a folder of uploaded files beside it).

`database` opens it and hands out connections, `schema` is its tables; `chunks` is the pure part of keeping points
in pieces, `points`, `history` and `reports` what is done with them; `catalog` the series, their fields and the
index to find them by; `jobs` and `files` the rest. Nothing in here knows of HTTP or of the query language.
"""
