{{/* (root, name, component, context) */}}
{{- define "earwitness.rayJob" -}}
{{- $root := .root -}}
{{- $t := .root.Values.trainer -}}
apiVersion: ray.io/v1
kind: RayJob
metadata:
  name: {{ .name }}
  labels:
    {{- include "earwitness.labels" .component | nindent 4 }}
    {{- if $t.kueue.enabled }}
    kueue.x-k8s.io/queue-name: {{ required "trainer.kueue.queueName: name a LocalQueue" $t.kueue.queueName }}
    {{- with $t.kueue.priorityClass }}
    kueue.x-k8s.io/priority-class: {{ . }}
    {{- end }}
    {{- end }}
spec:
  entrypoint: earwitness train --help
  submissionMode: K8sJobMode
  backoffLimit: {{ $t.backoffLimit }}
  activeDeadlineSeconds: {{ $t.activeDeadlineSeconds | int }}
  preRunningDeadlineSeconds: {{ $t.preRunningDeadlineSeconds | int }}
  # Kueue wants the cluster to go with its job.
  shutdownAfterJobFinishes: true
  ttlSecondsAfterFinished: {{ $t.ttlSecondsAfterFinished }}
  {{- if $t.kueue.enabled }}
  suspend: true
  {{- end }}
  submitterConfig: {backoffLimit: 1}
  submitterPodTemplate:
    metadata:
      labels: {{- include "earwitness.labels" .component | nindent 8 }}
    spec:
      restartPolicy: Never
      serviceAccountName: {{ include "earwitness.fullname" $root }}-trainer
      automountServiceAccountToken: false
      securityContext: {{- include "earwitness.podSecurity" $root | nindent 8 }}
      {{- include "earwitness.podFields" (dict "root" $root "pod" (pick $t.pod "tolerations" "nodeSelector")) | nindent 6 }}
      containers:
        - name: ray-job-submitter
          image: {{ include "earwitness.image" (dict "root" $root "which" "models") }}
          imagePullPolicy: {{ $root.Values.image.pullPolicy }}
          securityContext: {{- include "earwitness.containerSecurity" $root | nindent 12 }}
          resources:
            requests: {cpu: 50m, memory: 256Mi}
            limits: {memory: 1Gi}
          volumeMounts: {{- include "earwitness.scratchMounts" $root | nindent 12 }}
      volumes: {{- include "earwitness.scratchVolumes" $root | nindent 8 }}
  rayClusterSpec:
    rayVersion: "2.60.0"
    {{- if $root.Values.rayAuth }}
    authOptions: {mode: token}
    {{- end }}
    headGroupSpec:
      rayStartParams:
        dashboard-host: "0.0.0.0"
        metrics-export-port: "8080"
        num-cpus: {{ $t.cpus | int | quote }}
        num-gpus: {{ $t.gpus | int | quote }}
      template:
        metadata:
          labels:
            {{- include "earwitness.labels" .component | nindent 12 }}
            earwitness.io/client: "true"
            {{- with $t.pod.labels }}{{ toYaml . | nindent 12 }}{{ end }}
          {{- with $t.pod.annotations }}
          annotations: {{- toYaml . | nindent 12 }}
          {{- end }}
        spec:
          serviceAccountName: {{ include "earwitness.fullname" $root }}-trainer
          automountServiceAccountToken: false
          securityContext: {{- include "earwitness.podSecurity" $root | nindent 12 }}
          {{- include "earwitness.podFields" (dict "root" $root "pod" $t.pod) | nindent 10 }}
          containers:
            - name: ray-head
              image: {{ include "earwitness.image" (dict "root" $root "which" "models") }}
              imagePullPolicy: {{ $root.Values.image.pullPolicy }}
              securityContext: {{- include "earwitness.containerSecurity" $root | nindent 16 }}
              env:
                - {name: RAY_USAGE_STATS_ENABLED, value: "0"}
                - {name: EARWITNESS_TRAIN_METRICS_PORT, value: "9400"}
                - {name: EARWITNESS_TRAIN_METRICS_HOST, value: "0.0.0.0"}
                {{- include "earwitness.engineEnv" $root | nindent 16 }}
                {{- include "earwitness.clientEnv" $root | nindent 16 }}
                {{- with $t.pod.env }}{{ toYaml . | nindent 16 }}{{ end }}
              {{- with $t.pod.envFrom }}
              envFrom: {{- toYaml . | nindent 16 }}
              {{- end }}
              ports:
                - {name: gcs-server, containerPort: 6379}
                - {name: dashboard, containerPort: 8265}
                - {name: client, containerPort: 10001}
                - {name: metrics, containerPort: 8080}
                - {name: trainer, containerPort: 9400}
              resources:
                {{- $resources := deepCopy $t.resources }}
                {{- if gt (int $t.gpus) 0 }}
                {{- $gpu := dict $t.gpuResource (int $t.gpus) }}
                {{- $resources = mergeOverwrite $resources (dict "limits" (merge (dict) $gpu ($resources.limits | default dict)) "requests" (merge (dict) $gpu ($resources.requests | default dict))) }}
                {{- end }}
                {{- toYaml $resources | nindent 16 }}
              volumeMounts: {{- include "earwitness.rayMounts" .context | nindent 16 }}
            {{- with $t.pod.containers }}{{ toYaml . | nindent 12 }}{{ end }}
          volumes: {{- include "earwitness.rayVolumes" .context | nindent 12 }}
{{- end -}}
