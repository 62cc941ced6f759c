#!/usr/bin/env bash
# Makes what a release refers to, unless it is there: a token with its callers file, and a certificate of a CA of its own.
# For a first look; a team brings its own, or lets cert-manager make them (docs/kubernetes.md).
#
#   k8s/secrets.sh NAMESPACE [TLS_SECRET] [AUTH_SECRET]
set -euo pipefail
namespace=${1:?usage: k8s/secrets.sh NAMESPACE [TLS_SECRET] [AUTH_SECRET]}
tls=${2:-earwitness-tls}
auth=${3:-earwitness-auth}
exists() { kubectl -n "$namespace" get secret "$1" >/dev/null 2>&1; }
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
umask 077

kubectl get namespace "$namespace" >/dev/null 2>&1 || kubectl create namespace "$namespace"

if exists "$auth"; then
  echo "secret $auth is there"
else
  openssl rand -hex 32 | tr -d '\n' >token
  digest=$(sha256sum token | cut -d ' ' -f 1)
  cat >callers.yaml <<END
open_health: true
callers:
  - name: earwitness
    token_sha256: "$digest"
END
  kubectl -n "$namespace" create secret generic "$auth" --from-file=token --from-file=callers.yaml
fi

if exists "$tls"; then
  echo "secret $tls is there"
else
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 365 -subj "/CN=earwitness CA" \
    -keyout ca.key -out ca.crt 2>/dev/null
  openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj "/CN=earwitness" \
    -keyout tls.key -out tls.csr 2>/dev/null
  cat >extensions <<END
subjectAltName=DNS:*.$namespace.svc,DNS:*.$namespace.svc.cluster.local,DNS:localhost
extendedKeyUsage=serverAuth,clientAuth
keyUsage=digitalSignature
END
  openssl x509 -req -in tls.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 365 -extfile extensions -out tls.crt 2>/dev/null
  kubectl -n "$namespace" create secret generic "$tls" --type kubernetes.io/tls \
    --from-file=tls.crt --from-file=tls.key --from-file=ca.crt
fi
