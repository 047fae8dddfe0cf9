# The service. Build: docker build -t counterpoint . Torch is the CPU's; for a GPU give another index:
#   docker build --build-arg TORCH_INDEX=https://download.pytorch.org/whl/cu128 -t counterpoint .
FROM python:3.12-slim AS build
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv /app
WORKDIR /src
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY src src
# torch alone from its own index; what it needs, at the versions we test, comes with the rest
RUN /app/bin/pip install --no-deps -c constraints.txt --index-url "$TORCH_INDEX" torch \
 && /app/bin/pip install -c constraints.txt '.[encoder,lm,serve]'

FROM python:3.12-slim
RUN useradd --create-home --uid 10001 counterpoint \
 && install -d -o counterpoint -g counterpoint /data
COPY --from=build /app /app
ENV PATH=/app/bin:$PATH PYTHONUNBUFFERED=1 \
    COUNTERPOINT_CACHE=/data/cache HF_HOME=/data/models \
    COUNTERPOINT_STORE=sqlite:////data/counterpoint.db
USER counterpoint
WORKDIR /data
VOLUME /data
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=5m \
  CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8000/readyz', timeout=4)"]
ENTRYPOINT ["counterpoint"]
CMD ["serve", "--host", "0.0.0.0"]
