# sip-ci in one image: the client and the bundled analysis server, for every CI system.
#
# The base may be any image with Python 3.11 or newer as `python3`, pip, and bash, coreutils and setpriv
# (util-linux): the official slim images and Debian's own Python alike. Nothing below knows which one it is.
ARG PYTHON_IMAGE=python:3.12-slim-bookworm

# hadolint ignore=DL3006
FROM ${PYTHON_IMAGE} AS build

COPY pyproject.toml README.md LICENSE NOTICE /source/
COPY src /source/src
COPY server /source/server

# An environment without pip of its own, filled by the base image's pip. NumPy's test suites are data that
# nothing imports. Bytecode is compiled here and never checked again: the image runs as any user and on a
# read-only file system, where it could not be written later, and without it an analysis takes more than twice as long.
RUN python3 -m venv --without-pip /opt/sip-ci \
    && python3 -m pip --python /opt/sip-ci/bin/python install --no-cache-dir --no-compile '/source[server]' \
    && find /opt/sip-ci/lib/python3*/site-packages/numpy -type d -name tests -prune -exec rm -rf '{}' + \
    && /opt/sip-ci/bin/python -m compileall -q -j 0 --invalidation-mode unchecked-hash /opt/sip-ci/lib

# hadolint ignore=DL3006
FROM ${PYTHON_IMAGE}

LABEL org.opencontainers.image.title="sip-ci" \
      org.opencontainers.image.description="Diagnoses the SIP calls of your integration tests and gates the build on what it finds." \
      org.opencontainers.image.version="0.1.0" \
      org.opencontainers.image.licenses="Apache-2.0"

ENV PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1

COPY --from=build /opt/sip-ci /opt/sip-ci
COPY entrypoint.sh /opt/sip-ci/entrypoint.sh

# In /usr/local/bin rather than in PATH: a CI system that replaces the entry point may start a login shell,
# which sets its own PATH.
# The folder is for the server's database and captures, in the hands of the user that examples/self-hosted names.
RUN ln -s /opt/sip-ci/bin/sip-ci /opt/sip-ci/bin/sip-ci-server /usr/local/bin/ \
    && install -d -m 0700 -o 10001 -g 10001 /var/lib/sip-ci

# No USER: a container action starts as root, and the entry point then becomes the owner of the workspace.
# Elsewhere `docker run --user` may name any user.
ENTRYPOINT ["/opt/sip-ci/entrypoint.sh"]
