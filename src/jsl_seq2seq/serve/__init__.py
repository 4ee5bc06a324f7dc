"""The REST server: translation for other programs, and a page to look at it (extra ``[serve]``)."""
