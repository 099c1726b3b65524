"""A whole cluster on one machine: a bus, workers and a balancer, kept running by one launcher."""
