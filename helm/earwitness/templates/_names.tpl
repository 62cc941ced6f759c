{{- define "earwitness.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 28 | trimSuffix "-" -}}
{{- else -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- (contains $name .Release.Name | ternary .Release.Name (printf "%s-%s" .Release.Name $name)) | trunc 28 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* A RayService's name: KubeRay appends suffixes of up to 16 characters. (root, name) */}}
{{- define "earwitness.serviceName" -}}
{{- printf "%s-%s" (include "earwitness.fullname" .root) (.name | lower | replace "." "-" | replace "_" "-") | trunc 45 | trimSuffix "-" -}}
{{- end -}}

{{- define "earwitness.grpcPort" -}}{{ .Values.tls.enabled | ternary 9443 9000 }}{{- end -}}

{{/* host:port of a model service. (root, name) */}}
{{- define "earwitness.address" -}}
{{- printf "%s-serve-svc.%s.svc:%s" (include "earwitness.serviceName" .) .root.Release.Namespace (include "earwitness.grpcPort" .root) -}}
{{- end -}}

{{/* The address of the first enabled service of a kind, "" for none. (root, kind) */}}
{{- define "earwitness.first" -}}
{{- $found := "" -}}
{{- range $name, $service := .root.Values.services -}}
{{- if and (not $found) (ne $service.enabled false) (eq $service.kind $.kind) -}}
{{- $found = include "earwitness.address" (dict "root" $.root "name" $name) -}}
{{- end -}}
{{- end -}}
{{- $found -}}
{{- end -}}

{{/* (root, component) */}}
{{- define "earwitness.selector" -}}
app.kubernetes.io/name: {{ default .root.Chart.Name .root.Values.nameOverride }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end -}}

{{- define "earwitness.labels" -}}
{{ include "earwitness.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/part-of: earwitness
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version }}
{{- end -}}

{{/* (root, which): which is models or evaluator */}}
{{- define "earwitness.image" -}}
{{- $image := .root.Values.image -}}
{{- $name := printf "%s/%s" (trimSuffix "/" $image.registry) (index $image .which) -}}
{{- $tag := $image.tag | default (printf "%s%s" .root.Chart.AppVersion (eq .root.Values.stack "gpu" | ternary "-gpu" "")) -}}
{{- $digest := index $image.digests .which -}}
{{- ternary (printf "%s@%s" $name $digest) (printf "%s:%s" $name $tag) (ne $digest "") -}}
{{- end -}}

{{- define "earwitness.cacheClaim" -}}
{{- .Values.storage.cache.existingClaim | default (printf "%s-cache" (include "earwitness.fullname" .)) -}}
{{- end -}}
{{- define "earwitness.dataClaim" -}}
{{- .Values.storage.data.existingClaim | default (printf "%s-data" (include "earwitness.fullname" .)) -}}
{{- end -}}
