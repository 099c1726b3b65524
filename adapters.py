"""What the settings choose among: one adapter for each port, made for the composition root."""

import ssl
from pathlib import Path

from config.secrets import Secrets
from config.settings import Settings, SettingsError
from handlers.messenger import tls_context
from mail.outbox import Outbox
from mail.smtp import SmtpMailer, SmtpServer
from models.blobs import BlobStore, PartAddresses
from models.events import Bus, ProcessId
from models.files import Allowance
from models.ports import Clock, Mailer
from protocol.encoding import b64url
from realtime.local_bus import LocalBus
from realtime.nats_bus import NatsBus
from realtime.nats_link import BusAddress, NatsLink
from services import quotas
from services.files import FileLimits
from services.system import SystemEntropy
from services.transfers import TransferOptions
from storage.blobs.local import LocalBlobStore

MIB = 1024 * 1024


def open_mailer(settings: Settings, clock: Clock) -> Mailer:
    """Return what takes mails out: files, or a mail server."""
    if settings.mail == "outbox":
        return Outbox(Path(settings.data_dir) / "outbox", clock, sender=settings.mail_from)
    s = settings
    server = SmtpServer(s.smtp_host, s.smtp_port, s.smtp_security, s.smtp_user, s.smtp_password)
    return SmtpMailer(server, clock, sender=s.mail_from)


def open_bus(settings: Settings, secrets: Secrets, clock: Clock) -> Bus:
    """Return what carries events: nothing for one process, NATS for several.

    Raises: SettingsError
    """
    if not settings.bus:
        return LocalBus()
    servers, tls = tuple(settings.bus.split(",")), None
    if settings.bus_ca_file or any(server.startswith("tls:") for server in servers):
        try:
            tls = ssl.create_default_context(cafile=settings.bus_ca_file or None)
        except OSError as error:
            raise SettingsError(f"bus_ca_file = {settings.bus_ca_file!r}: {error}.") from error
    link = NatsLink(BusAddress(servers, settings.bus_user, settings.bus_password, tls))
    process = ProcessId(b64url(SystemEntropy().token(16)))
    return NatsBus(link, process, secrets.bus_key, clock)


def open_blobs(settings: Settings) -> tuple[BlobStore, PartAddresses | None]:
    """Return where files lie, a folder or a bucket, and its addresses if clients go there.

    Raises: OSError when no folder can be made
    """
    if not settings.files:
        return LocalBlobStore(Path(settings.data_dir) / "files"), None
    # They take a second that others are spared.
    from storage.blobs.s3 import Bucket, S3BlobStore
    from storage.blobs.s3_addresses import S3PartAddresses

    bucket = Bucket(
        name=settings.bucket,
        prefix=settings.files.removeprefix("s3://").partition("/")[2],
        endpoint=settings.s3_endpoint,
        region=settings.s3_region,
        addressing=settings.s3_addressing,
        access_key=settings.s3_access_key,
        secret_key=settings.s3_secret_key,
    )
    store, endpoint = S3BlobStore(bucket), settings.parts_endpoint
    return store, S3PartAddresses(store, bucket, endpoint) if endpoint else None


def file_limits(settings: Settings) -> FileLimits:
    """Return what one person may keep here."""
    allowance = Allowance(
        stored_bytes=settings.files_per_user_mib * MIB,
        daily_bytes=settings.files_per_day_mib * MIB,
        pending_files=settings.uploads_per_user,
    )
    return FileLimits(settings.file_mib * MIB, allowance)


def transfer_options(settings: Settings) -> TransferOptions:
    """Return whether links are on, and what stands in mails about transfers."""
    return TransferOptions(has_links=settings.links == "on", public_url=settings.public_url)


def messenger_tls(settings: Settings) -> ssl.SSLContext | None:
    """Return the messenger's certificate, None for no TLS. Raises: SettingsError."""
    certificate, key = settings.messenger_certificate_file, settings.messenger_key_file
    if not certificate:
        return None
    try:
        return tls_context(certificate, key)
    except OSError as error:  # ssl.SSLError is one
        raise SettingsError(f"messenger_certificate_file = {certificate!r}: {error}.") from error


def rates(settings: Settings) -> dict[str, quotas.Rate]:
    """Return how often anything may be done, with what the operator has set."""
    burst, rate_s = settings.frame_burst, settings.frames_per_second
    usual = quotas.TABLE["send"]
    send = quotas.Rate("user", max(usual.capacity, burst), max(usual.refill_per_s, rate_s))
    return {**quotas.TABLE, "frames": quotas.Rate("connection", burst, rate_s), "send": send}
