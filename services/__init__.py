"""Use cases: require access, validate, change, publish; every rule is here and only here."""
