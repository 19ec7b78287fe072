# limner on processors, for people who run containers: docker build -t limner . (docs/production.md)
FROM python:3.12-slim-bookworm AS build

# What is installed beside limner itself; "ray" adds about 240 MB.
ARG EXTRAS=export,openvino

RUN python -m venv /opt/limner
ENV PATH=/opt/limner/bin:$PATH PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1

# From torch's own index for processors: what PyPI has brings gigabytes of CUDA along. Found installed, it stays.
# Which versions fit stands in pyproject.toml; a second list would say something else one day.
# hadolint ignore=DL3013
RUN pip install --index-url https://download.pytorch.org/whl/cpu "torch>=2.11" "torchvision>=0.26"

WORKDIR /source
COPY pyproject.toml README.md LICENSE ./
COPY src ./src
# hadolint ignore=DL3013
RUN pip install ".[${EXTRAS}]"


FROM python:3.12-slim-bookworm

# GDAL in rasterio's wheel reads XML by the system's expat, which slim images lack. Debian's security fixes change its
# version within a release, so none is pinned.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends libexpat1 \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --create-home --uid 1000 limner

COPY --from=build /opt/limner /opt/limner

# Compiled loops and fonts are kept where any user may write, also one of --user; Python writes nothing into the image.
ENV PATH=/opt/limner/bin:$PATH \
    NUMBA_CACHE_DIR=/tmp/numba \
    MPLCONFIGDIR=/tmp/matplotlib \
    PYTHONDONTWRITEBYTECODE=1

USER 1000
WORKDIR /data
ENTRYPOINT ["limner"]
CMD ["--help"]
