"""Sealroom for a home: one server over https, with an authority of its own."""
