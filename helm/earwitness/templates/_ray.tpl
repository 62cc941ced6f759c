{{/* What earwitness/cluster.py sets on one machine; a test keeps the two alike. */}}
{{- define "earwitness.rayEnv" -}}
- {name: RAY_SERVE_ENABLE_HA_PROXY, value: "1"}
- {name: RAY_SERVE_THROUGHPUT_OPTIMIZED, value: "1"}
- {name: RAY_SERVE_HAPROXY_METRICS_PORT, value: "9101"}
- {name: RAY_SERVE_HAPROXY_STATS_PORT, value: "8404"}
- {name: RAY_SERVE_HAPROXY_H2_FE_INITIAL_WINDOW_SIZE, value: "1048576"}
- {name: RAY_SERVE_HAPROXY_H2_BE_INITIAL_WINDOW_SIZE, value: "1048576"}
- {name: RAY_SERVE_GRPC_MAX_MESSAGE_SIZE, value: "67108864"}
- {name: RAY_USAGE_STATS_ENABLED, value: "0"}
- {name: RAY_worker_niceness, value: "0"}
- {name: RAY_GRACEFUL_SHUTDOWN_DRAIN_TIMEOUT_S, value: "60"}
{{- end -}}

{{- define "earwitness.engineEnv" -}}
- {name: VLLM_NO_USAGE_STATS, value: "1"}
- {name: DO_NOT_TRACK, value: "1"}
{{- if .Values.hub.offline }}
- {name: HF_HUB_OFFLINE, value: "1"}
{{- end }}
{{- if .Values.storage.cache.enabled }}
- {name: HF_HOME, value: /var/cache/weights/huggingface}
- {name: VLLM_CACHE_ROOT, value: /var/cache/weights/vllm}
- {name: TRITON_CACHE_DIR, value: /var/cache/weights/triton}
- {name: TORCHINDUCTOR_CACHE_DIR, value: /var/cache/weights/inductor}
{{- end }}
{{- end -}}

{{/* (root, shmSize, pod, server, client) */}}
{{- define "earwitness.rayVolumes" -}}
{{ include "earwitness.scratchVolumes" .root }}
- name: shm
  emptyDir: {medium: Memory, sizeLimit: {{ .shmSize }}}
{{- if .root.Values.storage.cache.enabled }}
- name: weights
  persistentVolumeClaim: {claimName: {{ include "earwitness.cacheClaim" .root }}}
{{- end }}
{{- if .root.Values.storage.data.enabled }}
- name: data
  persistentVolumeClaim: {claimName: {{ include "earwitness.dataClaim" .root }}}
{{- end }}
{{- with .root.Values.hub.secret }}
- name: hub
  secret:
    secretName: {{ . }}
    defaultMode: 0440
    items: [{key: {{ $.root.Values.hub.key }}, path: token}]
{{- end }}
{{- include "earwitness.secretVolumes" . }}
{{- if and .server .root.Values.tls.enabled }}
- name: proxy
  configMap: {name: {{ include "earwitness.fullname" .root }}-tls-models}
{{- end }}
{{- with .pod.volumes }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* (root, pod, server, client, readOnlyData) */}}
{{- define "earwitness.rayMounts" -}}
{{ include "earwitness.scratchMounts" .root }}
- {name: shm, mountPath: /dev/shm}
{{- if .root.Values.storage.cache.enabled }}
- {name: weights, mountPath: /var/cache/weights}
{{- end }}
{{- if .root.Values.storage.data.enabled }}
- {name: data, mountPath: /data, readOnly: {{ .readOnlyData }}}
{{- end }}
{{- if .root.Values.hub.secret }}
- {name: hub, mountPath: /etc/earwitness/hub, readOnly: true}
{{- end }}
{{- include "earwitness.secretMounts" . }}
{{- with .pod.volumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* A head or worker of a model service. (root, name, service, role) */}}
{{- define "earwitness.rayPod" -}}
{{- $root := .root -}}
{{- $s := .service -}}
{{- $group := index $s .role -}}
{{- $isWorker := eq .role "worker" -}}
{{- $scales := lt (int $s.replicas.min) (int $s.replicas.max) -}}
{{- $context := dict "root" $root "pod" $group.pod "shmSize" $s.shmSize "server" true "client" false "readOnlyData" true -}}
metadata:
  labels:
    {{- include "earwitness.labels" (dict "root" $root "component" $s.kind) | nindent 4 }}
    earwitness.io/service: {{ .name | quote }}
    {{- with $group.pod.labels }}{{ toYaml . | nindent 4 }}{{ end }}
  {{- $annotations := deepCopy ($group.pod.annotations | default dict) }}
  {{- /* For another number of workers alone KubeRay makes no new cluster; for another annotation it does. */}}
  {{- if and $isWorker (not $scales) }}{{ $_ := set $annotations "earwitness.io/replicas" ($s.replicas.max | toString) }}{{ end }}
  {{- with $annotations }}
  annotations: {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  serviceAccountName: {{ include "earwitness.fullname" $root }}-models
  automountServiceAccountToken: {{ and (not $isWorker) $scales }}
  terminationGracePeriodSeconds: {{ $s.terminationGracePeriodSeconds }}
  securityContext: {{- include "earwitness.podSecurity" $root | nindent 4 }}
  {{- include "earwitness.podFields" (dict "root" $root "pod" $group.pod) | nindent 2 }}
  containers:
    - name: {{ $isWorker | ternary "ray-worker" "ray-head" }}
      image: {{ include "earwitness.image" (dict "root" $root "which" "models") }}
      imagePullPolicy: {{ $root.Values.image.pullPolicy }}
      securityContext: {{- include "earwitness.containerSecurity" $root | nindent 8 }}
      env:
        {{- include "earwitness.rayEnv" $root | nindent 8 }}
        {{- include "earwitness.engineEnv" $root | nindent 8 }}
        {{- if $root.Values.auth.enabled }}
        - {name: EARWITNESS_CALLERS, value: /etc/earwitness/auth/callers.yaml}
        {{- end }}
        {{- with $group.pod.env }}{{ toYaml . | nindent 8 }}{{ end }}
      {{- with $group.pod.envFrom }}
      envFrom: {{- toYaml . | nindent 8 }}
      {{- end }}
      # KubeRay puts every port called serve... into the -serve-svc Service, from this container of the head; the sidecar listens.
      ports:
        - {name: serve, containerPort: 8000}
        - {name: serve-grpc, containerPort: {{ include "earwitness.grpcPort" $root }}}
        {{- if $root.Values.tls.enabled }}
        - {name: serve-https, containerPort: 8443}
        - {name: grpc, containerPort: 9000}
        {{- end }}
        - {name: metrics, containerPort: 8080}
        - {name: haproxy, containerPort: 9101}
        {{- if not $isWorker }}
        - {name: gcs-server, containerPort: 6379}
        - {name: dashboard, containerPort: 8265}
        - {name: client, containerPort: 10001}
        {{- if $scales }}
        - {name: as-metrics, containerPort: 44217}
        {{- end }}
        - {name: dash-metrics, containerPort: 44227}
        {{- end }}
      {{- if $isWorker }}
      # A pod is in the Service once its proxy answers and, where the model never sleeps, the model has answered.
      readinessProbe:
        {{- if gt (int $s.replicas.min) 0 }}
        grpc: {port: 9000}
        {{- else }}
        httpGet: {path: /-/healthz, port: serve}
        {{- end }}
        periodSeconds: 5
        timeoutSeconds: 30
        failureThreshold: 3
      {{- end }}
      lifecycle:
        preStop:
          exec: {command: [sleep, "15"]}
      resources:
        {{- $resources := deepCopy $group.resources }}
        {{- if and $isWorker (gt (int $s.gpus) 0) }}
        {{- $gpu := dict $s.gpuResource (int $s.gpus) }}
        {{- $resources = mergeOverwrite $resources (dict "limits" (merge (dict) $gpu ($resources.limits | default dict)) "requests" (merge (dict) $gpu ($resources.requests | default dict))) }}
        {{- end }}
        {{- toYaml $resources | nindent 8 }}
      volumeMounts: {{- include "earwitness.rayMounts" $context | nindent 8 }}
    {{- if $root.Values.tls.enabled }}
    {{- include "earwitness.tlsContainer" (dict "root" $root "which" "models") | nindent 4 }}
    {{- end }}
    {{- with $group.pod.containers }}{{ toYaml . | nindent 4 }}{{ end }}
  volumes: {{- include "earwitness.rayVolumes" $context | nindent 4 }}
{{- end -}}

{{/* What Serve is to run. (root, service) */}}
{{- define "earwitness.serveConfig" -}}
{{- $s := .service -}}
{{- $config := deepCopy $s.config -}}
{{- if .root.Values.hub.secret -}}{{- $_ := set $config "hub_token_file" "/etc/earwitness/hub/token" -}}{{- end -}}
{{- $functions := list (printf "earwitness.mount.%s" $s.kind) "earwitness.mount.model" "earwitness.mount.health" -}}
{{- if $s.reflection -}}{{- $functions = append $functions "earwitness.mount.reflection" -}}{{- end -}}
{{- $threads := dict "env_vars" (dict "OMP_NUM_THREADS" ($s.cpus | toString)) -}}
{{- $options := dict "num_cpus" ($s.cpus | int) "num_gpus" ($s.gpus | int) "runtime_env" $threads -}}
{{- $deployment := dict "name" (printf "%sServicer" (title $s.kind)) "ray_actor_options" $options -}}
{{- /* Without initial_replicas, so that a change in place keeps the replicas that there are. */ -}}
{{- if lt (int $s.replicas.min) (int $s.replicas.max) -}}
{{- $a := $s.autoscaling -}}
{{- $_ := set $deployment "autoscaling_config" (dict "min_replicas" ($s.replicas.min | int) "max_replicas" ($s.replicas.max | int) "target_ongoing_requests" ($a.targetOngoingRequests | int) "policy" (dict "policy_function" "earwitness.scaling:by_questions") "upscale_delay_s" ($a.upscaleDelaySeconds | int) "downscale_delay_s" ($a.downscaleDelaySeconds | int)) -}}
{{- else -}}
{{- $_ := set $deployment "num_replicas" ($s.replicas.max | int) -}}
{{- end -}}
{{- $application := dict "name" $s.kind "route_prefix" "/" "import_path" (printf "services.%s.app:build" $s.kind) "args" $config "deployments" (list $deployment) -}}
{{- dict "proxy_location" "EveryNode" "http_options" (dict "host" "0.0.0.0" "port" 8000) "grpc_options" (dict "port" 9000 "grpc_servicer_functions" $functions "enable_reflection" false "request_timeout_s" ($s.requestTimeoutSeconds | int)) "applications" (list $application) | toYaml -}}
{{- end -}}
