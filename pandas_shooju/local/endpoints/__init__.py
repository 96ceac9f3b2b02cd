"""What each address of the API does. One module for each subject; `app` knows which address is whose.

An endpoint takes a `Call` (and what its address holds) and gives the answer as a document, or a whole response.
"""
