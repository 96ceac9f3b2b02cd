r"""The query language: text to tree (`parser`, `tree`), tree to series (`search`), and the operators behind it.

Quoting
-------
Inside double quotes everything is literal, `*` too, except that ``\"`` is a quote; backslashes that stand directly
before a quote (or before the closing one) are doubled. Every other backslash is itself, so that ids look as they
are: ``sid="users\sam\gdp"``. Single quotes mean nothing.

Outside of quotes a value runs to the next space or parenthesis, and ``*`` stands for any text.
"""
