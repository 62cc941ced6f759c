{{- define "earwitness.podSecurity" -}}
runAsNonRoot: true
runAsUser: 1000
runAsGroup: 1000
fsGroup: 1000
fsGroupChangePolicy: OnRootMismatch
seccompProfile: {type: RuntimeDefault}
{{- end -}}

{{- define "earwitness.containerSecurity" -}}
runAsNonRoot: true
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
seccompProfile: {type: RuntimeDefault}
{{- end -}}

{{/* Fields of a pod that a user may set. (root, pod) */}}
{{- define "earwitness.podFields" -}}
# Kubernetes would set EARWITNESS_EVALUATOR_PORT for a Service of that name, which is how we are told our settings.
enableServiceLinks: false
{{- with .root.Values.image.pullSecrets }}
imagePullSecrets:
{{- range . }}
  - name: {{ . }}
{{- end }}
{{- end }}
{{- range $key := list "nodeSelector" "tolerations" "affinity" "topologySpreadConstraints" "priorityClassName" "runtimeClassName" "schedulerName" "initContainers" }}
{{- with index $.pod $key }}
{{ $key }}: {{- kindIs "string" . | ternary (printf " %v" .) (printf "\n%s" (toYaml . | indent 2)) }}
{{- end }}
{{- end }}
{{- end -}}

{{/* What our clients are told: whom to trust, and their token. (root) */}}
{{- define "earwitness.clientEnv" -}}
{{- if .Values.tls.enabled }}
- {name: EARWITNESS_TLS_CA, value: /etc/earwitness/tls/ca.crt}
{{- if .Values.tls.clientCertificates }}
- {name: EARWITNESS_TLS_CERT, value: /etc/earwitness/tls/tls.crt}
- {name: EARWITNESS_TLS_KEY, value: /etc/earwitness/tls/tls.key}
{{- end }}
{{- end }}
{{- if .Values.auth.enabled }}
- {name: EARWITNESS_TOKEN_FILE, value: /etc/earwitness/auth/token}
{{- end }}
{{- end -}}

{{/* Secrets as files. A client is not given the callers file, nor the server's key. (root, server, client) */}}
{{- define "earwitness.secretVolumes" -}}
{{- $v := .root.Values -}}
{{- if $v.tls.enabled }}
- name: tls
  secret:
    secretName: {{ $v.tls.secret }}
    defaultMode: 0440
    {{- if not (or .server $v.tls.clientCertificates) }}
    items: [{key: ca.crt, path: ca.crt}]
    {{- end }}
{{- end }}
{{- if $v.auth.enabled }}
- name: auth
  secret:
    secretName: {{ $v.auth.secret }}
    defaultMode: 0440
    items:
      {{- if .server }}
      - {key: callers.yaml, path: callers.yaml}
      {{- end }}
      {{- if .client }}
      - {key: token, path: token}
      {{- end }}
{{- end }}
{{- end -}}

{{/* (root, server): a model server holds no TLS key: its sidecar does. */}}
{{- define "earwitness.secretMounts" -}}
{{- if and .client .root.Values.tls.enabled }}
- {name: tls, mountPath: /etc/earwitness/tls, readOnly: true}
{{- end }}
{{- if .root.Values.auth.enabled }}
- {name: auth, mountPath: /etc/earwitness/auth, readOnly: true}
{{- end }}
{{- end -}}

{{/* What the code keeps in EARWITNESS_HOME beside models, which have a volume or stand in the image. */}}
{{- define "earwitness.kept" -}}
[clips, cluster, data, digests, web]
{{- end -}}

{{/* The root file system is read-only: what has to be written goes here. */}}
{{- define "earwitness.scratchVolumes" -}}
- {name: tmp, emptyDir: {}}
- {name: home, emptyDir: {}}
{{- range (include "earwitness.kept" . | fromYamlArray) }}
- {name: kept-{{ . }}, emptyDir: {}}
{{- end }}
{{- end -}}

{{- define "earwitness.scratchMounts" -}}
- {name: tmp, mountPath: /tmp}
- {name: home, mountPath: /home/earwitness}
{{- range (include "earwitness.kept" . | fromYamlArray) }}
- {name: kept-{{ . }}, mountPath: /var/cache/earwitness/{{ . }}}
{{- end }}
{{- end -}}

{{/* HAProxy as a sidecar that ends TLS; it loads a renewed certificate without a restart. (root, image) */}}
{{- define "earwitness.tlsContainer" -}}
- name: tls
  image: {{ include "earwitness.image" (dict "root" .root "which" .which) }}
  imagePullPolicy: {{ .root.Values.image.pullPolicy }}
  command: [bash, /etc/earwitness/proxy/run.sh]
  securityContext: {{- include "earwitness.containerSecurity" .root | nindent 4 }}
  ports:
    - {name: grpc-tls, containerPort: 9443}
  readinessProbe:
    tcpSocket: {port: 9443}
    periodSeconds: 5
  # It takes callers for as long as they may still be sent here.
  lifecycle:
    preStop:
      exec: {command: [sleep, "5"]}
  resources:
    requests: {cpu: 50m, memory: 64Mi}
    limits: {memory: 256Mi}
  volumeMounts:
    - {name: proxy, mountPath: /etc/earwitness/proxy, readOnly: true}
    - {name: tls, mountPath: /etc/earwitness/tls, readOnly: true}
    - {name: tmp, mountPath: /tmp}
{{- end -}}
