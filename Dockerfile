# One image, two programs:
#
#     docker build --tag sealroom .
#     docker run sealroom                                   the server
#     docker run sealroom python -m lb --config FILE        the balancer
#
# Everything that is written goes to /data; the root may be read-only. deploy/README.md shows it at work.
#
# The base is named by its tag, so that a rebuild brings Debian's security updates. To pin it to the
# very bytes, take the digest that `docker buildx imagetools inspect python:3.11-slim-bookworm`
# prints, and write python:3.11-slim-bookworm@sha256:… in both places.

FROM python:3.11-slim-bookworm AS packages
COPY requirements.txt /requirements.txt
RUN ["python", "-m", "venv", "/opt/sealroom"]
RUN ["/opt/sealroom/bin/python", "-m", "pip", "install", "--no-cache-dir", "--no-compile", "--only-binary=:all:", "--require-hashes", "--requirement", "/requirements.txt"]

FROM python:3.11-slim-bookworm
LABEL org.opencontainers.image.title="Sealroom" \
      org.opencontainers.image.description="Private conversations on your own server" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=packages /opt/sealroom /opt/sealroom
WORKDIR /srv/sealroom
COPY LICENSE ./
COPY adapters.py server.py ./
COPY config/ ./config/
COPY protocol/ ./protocol/
COPY models/ ./models/
COPY services/ ./services/
COPY storage/ ./storage/
COPY realtime/ ./realtime/
COPY mail/ ./mail/
COPY handlers/ ./handlers/
COPY frontend/ ./frontend/
COPY lb/ ./lb/
COPY tools/abuse/ ./tools/abuse/
COPY tools/migrate/ ./tools/migrate/
# Bytecode is written now, because the root may be read-only later.
RUN ["/opt/sealroom/bin/python", "-m", "compileall", "-q", "/opt/sealroom/lib", "/srv/sealroom"]
# A number and no name, so that Kubernetes can see that it is not root; a volume that is mounted on
# /data for the first time takes over owner and mode.
RUN ["install", "--directory", "--owner=10001", "--group=10001", "--mode=0700", "/data"]
USER 10001:10001
ENV PATH=/opt/sealroom/bin:/usr/local/bin:/usr/bin:/bin \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    SEALROOM_DATA_DIR=/data \
    SEALROOM_HOST=0.0.0.0
VOLUME ["/data"]
EXPOSE 8888 9999
# 503, a time-out and no answer are all exceptions, and an exception is exit status 1.
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://localhost:8888/health', timeout=4)"]
# No shell in between: SIGTERM reaches Python, which drains.
STOPSIGNAL SIGTERM
CMD ["python", "server.py"]
