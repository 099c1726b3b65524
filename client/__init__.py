"""The Python reference client of Sealroom: a second, independent implementation of SEAL1.

`client.seal` is the protocol (pure), `client.api` and `client.socket` speak to a server,
`client.engine` joins them.
Nothing of Sealroom imports this package; of Sealroom it imports only `protocol`.
"""
