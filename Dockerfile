# docker build -t jsl-seq2seq .
# docker run --rm --read-only --tmpfs /tmp -p 127.0.0.1:8000:8000 -e JSL_SEQ2SEQ_TOKEN=... jsl-seq2seq
FROM python:3.12-slim AS build
WORKDIR /src
COPY pyproject.toml README.md LICENSE ./
COPY src ./src
RUN python -m venv /venv && /venv/bin/pip install --no-cache-dir '.[serve]'

FROM python:3.12-slim
COPY --from=build /venv /venv
RUN useradd --system --uid 10001 --no-create-home jsl
USER 10001
ENV PATH=/venv/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUTF8=1 JSL_SEQ2SEQ_CACHE=/tmp/cache NUMBA_CACHE_DIR=/tmp/cache/numba
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s \
  CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/health', timeout=2)"]
STOPSIGNAL SIGTERM
CMD ["jsl-seq2seq", "serve", "--host", "0.0.0.0"]
