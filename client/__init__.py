"""The Python reference client of Sealroom: a second, independent implementation of SEAL1.

`client.seal` is the protocol (pure), `client.api` speaks to a server, `client.engine` joins them.
Nothing of Sealroom imports this package; of Sealroom it imports only `protocol`.
"""
