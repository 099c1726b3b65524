"""Settings, secrets and logging; read by composition roots only."""

from config.load import load

__all__ = ["load"]
