"""Reading, writing and comparing frames, and the accessors that pandas gets."""
