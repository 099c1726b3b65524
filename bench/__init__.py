"""Measures Sealroom beside a bare loop in the same run and prints ratios; never part of a test."""
