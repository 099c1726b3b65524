"""The load balancer: a separate program that relays TCP connections to workers.

It shares no code with the server but the form of its log lines. It knows nothing of HTTP except the
question it asks about a worker's health and the sentence with which it refuses a browser.
"""
