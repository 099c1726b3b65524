"""Who is connected, and telling other processes; empty, so that the hub needs no bus driver."""
