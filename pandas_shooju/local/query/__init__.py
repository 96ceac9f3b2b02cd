r"""The query language: from text to a tree (`parser`, `tree`), and from the tree to series (`search`) or jobs (`jobs`).

Quoting
-------
Inside double quotes everything is literal, including `*`, except that ``\"`` is a quote. Backslashes directly before a
quote (or before the closing one) are doubled; every other backslash is literal, so that ids look as they are:
``sid="users\sam\gdp"``. A ``*`` directly after the closing quote makes the value a prefix. A name in quotes is always
that of a field: ``"Bidding Zone"=DE-LU``.

Outside of quotes, a value extends to the next space or parenthesis, and ``*`` matches any text. Characters that have a
meaning in other query languages (``[ ] { } ~ ? ' !`` and so on) must be quoted.
"""
