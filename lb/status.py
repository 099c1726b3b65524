"""What a balancer tells about itself: as JSON, as Prometheus text and as a page.

    {"services": [{"name", "listen", "policy", "connections", "waiting", "refusals", "cuts",
                   "workers": [{"address", "state", "weight", "connections", …}]}]}

Times are in seconds, sizes in bytes. The numbers count from the start of the process. No address
of a client is told.
"""

import base64
import hashlib
from collections.abc import Iterator, Sequence
from html import escape
from typing import Any

from lb.pool import Worker
from lb.service import Service

Row = dict[str, Any]


def snapshot(services: Sequence[Service], now_s: float) -> Row:
    """Return everything as plain values, ready for JSON."""
    return {"services": [_service(service, now_s) for service in services]}


def _service(service: Service, now_s: float) -> Row:
    return {
        "name": service.settings.name,
        "listen": service.settings.listen,
        "policy": service.settings.policy,
        "connections": service.connections,
        "waiting": len(service.queue),
        "refusals": dict(service.refusals),
        "cuts": dict(service.cuts),
        "workers": [_worker(worker, now_s) for worker in (*service.pool, *service.pool.leaving)],
    }


def _worker(worker: Worker, now_s: float) -> Row:
    return {
        "address": worker.name,
        "state": worker.state(now_s),
        "weight": worker.settings.weight,
        "connections": worker.connections,
        "connections_total": worker.connections_total,
        "bytes_up": worker.bytes_up,
        "bytes_down": worker.bytes_down,
        "connect_failures": worker.connect_failures,
        "failures_in_a_row": worker.failures,
        "last_error": worker.last_error,
        "checks_s": list(worker.checks_s),  # the newest last; null for one that failed
    }


# Name, kind and meaning of each metric of a worker, and where its value is.
_METRICS = (
    ("connections", "gauge", "Connections now.", "connections"),
    ("connections_total", "counter", "Connections so far.", "connections_total"),
    ("bytes_up_total", "counter", "Bytes from clients.", "bytes_up"),
    ("bytes_down_total", "counter", "Bytes to clients.", "bytes_down"),
    ("connect_failures_total", "counter", "Connections not accepted.", "connect_failures"),
    ("weight", "gauge", "Share of the connections.", "weight"),
)


def prometheus(status: Row) -> str:
    """Return a snapshot in Prometheus' text format, version 0.0.4."""
    return "".join(f"{line}\n" for line in _lines(status["services"]))


def _lines(services: list[Row]) -> Iterator[str]:
    workers = [
        (f'service="{service["name"]}",worker="{worker["address"]}"', worker)
        for service in services
        for worker in service["workers"]
    ]
    for name, kind, meaning, key in _METRICS:
        yield from _head(f"worker_{name}", kind, meaning)
        for labels, worker in workers:
            yield f"sealroom_lb_worker_{name}{{{labels}}} {worker[key]}"
    yield from _head("worker_up", "gauge", "1 when it may get connections, else 0.")
    for labels, worker in workers:
        yield f"sealroom_lb_worker_up{{{labels}}} {int(worker['state'] in _UP)}"
    yield from _head("worker_check_seconds", "gauge", "Time of the last check that passed.")
    for labels, worker in workers:
        passed = [took_s for took_s in worker["checks_s"] if took_s is not None]
        if passed:
            yield f"sealroom_lb_worker_check_seconds{{{labels}}} {passed[-1]:.6f}"
    yield from _head("connections", "gauge", "Connections now, waiting ones included.")
    for service in services:
        yield f'sealroom_lb_connections{{service="{service["name"]}"}} {service["connections"]}'
    yield from _head("waiting", "gauge", "Connections that wait for a worker.")
    for service in services:
        yield f'sealroom_lb_waiting{{service="{service["name"]}"}} {service["waiting"]}'
    for name, meaning in (("refusals", "Connections refused."), ("cuts", "Connections cut.")):
        yield from _head(f"{name}_total", "counter", meaning)
        for service in services:
            for reason, count in service[name].items():
                labels = f'service="{service["name"]}",reason="{reason}"'
                yield f"sealroom_lb_{name}_total{{{labels}}} {count}"


_UP = ("healthy", "slow start")


def _head(name: str, kind: str, meaning: str) -> Iterator[str]:
    yield f"# HELP sealroom_lb_{name} {meaning}"
    yield f"# TYPE sealroom_lb_{name} {kind}"


_STYLE = """
:root { color-scheme: light dark; font: 1rem/1.5 system-ui, sans-serif }
body { margin: 0 auto; max-width: 60rem; padding: 1rem }
section { border: 1px solid; border-radius: .5rem; margin-block: 1rem; padding: .25rem 1rem 1rem }
h3 { margin-block: 1rem .25rem }
dl { display: grid; gap: .25rem 1rem; grid-template-columns: auto 1fr; margin: 0 }
dd { margin: 0; overflow-wrap: anywhere }
"""
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
POLICY = f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; frame-ancestors 'none'"


def page(status: Row) -> str:
    """Return a snapshot as a page that needs no script and fits a phone."""
    sections = "".join(map(_section, status["services"]))
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>Load balancer</title><style>{_STYLE}</style></head>"
        f"<body><main><h1>Load balancer</h1>{sections}</main></body></html>"
    )


def _section(service: Row) -> str:
    workers = "".join(
        f"<h3>{escape(worker['address'])}: {escape(worker['state'])}</h3>{_list(worker)}"
        for worker in service["workers"]
    )
    return f"<section><h2>{escape(service['name'])}</h2>{_list(service)}{workers}</section>"


def _list(row: Row) -> str:
    """Return what stands in a row under its names; what is empty is left out."""
    terms = (
        f"<dt>{escape(name.replace('_', ' '))}</dt><dd>{escape(_text(value))}</dd>"
        for name, value in row.items()
        if name not in ("name", "address", "state", "workers") and value not in ("", {}, [])
    )
    return f"<dl>{''.join(terms)}</dl>"


def _text(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name}: {count}" for name, count in value.items())
    if isinstance(value, list):
        return ", ".join("failed" if s is None else f"{s * 1_000:.1f} ms" for s in value)
    return f"{value:,}" if isinstance(value, int) else str(value)
