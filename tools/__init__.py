"""Authoring pipeline: MyST source -> portable, executed notebook -> page. Not shipped."""
