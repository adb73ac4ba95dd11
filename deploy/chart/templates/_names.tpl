{{- /* Names and labels, each decided once. */ -}}

{{- define "studiolo.name" -}}
{{ .Release.Name | trunc 40 | trimSuffix "-" }}
{{- end }}

{{- define "studiolo.workspaces" -}}
{{ (.Values.kubernetes | default dict).namespace | default (printf "%s-workspaces" .Release.Namespace) }}
{{- end }}

{{- define "studiolo.builds" -}}
{{ printf "%s-builds" .Release.Namespace }}
{{- end }}

{{- define "studiolo.capacity" -}}
{{ printf "%s-capacity" .Release.Namespace }}
{{- end }}

{{- define "studiolo.nodes" -}}
{{ printf "%s-nodes" .Release.Namespace }}
{{- end }}

{{- /* The Secret with the certificate of all agents, and what the hub knows them by. */ -}}
{{- define "studiolo.agent.certificate" -}}
{{ .Values.claims.agent.existingSecret | default (printf "%s-agent" (include "studiolo.name" .)) }}
{{- end }}

{{- /* The Secret with the broker's certificate, and what agents know it by. */ -}}
{{- define "studiolo.broker.certificate" -}}
{{ .Values.claims.broker.existingSecret | default (printf "%s-broker" (include "studiolo.name" .)) }}
{{- end }}

{{- define "studiolo.keys" -}}
{{ .Values.hub.existingSecret | default (printf "%s-keys" (include "studiolo.name" .)) }}
{{- end }}

{{- define "studiolo.homes.claim" -}}
{{- with .Values.homes -}}
{{- if .existingClaim }}{{ .existingClaim }}{{ else if or .storageClass .nfs.server }}{{ include "studiolo.name" $ }}-homes{{ end -}}
{{- end -}}
{{- end }}

{{- define "studiolo.storage" -}}
{{ .Values.homes.service.namespace | default (printf "%s-storage" .Release.Namespace) }}
{{- end }}

{{- /* The Secret with the key that hub and home service share, in the namespaces of both. */ -}}
{{- define "studiolo.homes.key" -}}
{{ .Values.homes.service.existingSecret | default (printf "%s-homes-key" (include "studiolo.name" .)) }}
{{- end }}

{{- define "studiolo.url.homes" -}}
http://{{ include "studiolo.name" . }}-homes.{{ include "studiolo.storage" . }}.svc:8084
{{- end }}

{{- define "studiolo.labels" -}}
app.kubernetes.io/name: studiolo
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end }}

{{- /* Of one part: include "studiolo.selector" (list $ "hub") */ -}}
{{- define "studiolo.selector" -}}
app.kubernetes.io/name: studiolo
app.kubernetes.io/instance: {{ (index . 0).Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end }}

{{- define "studiolo.workspace.selector" -}}
studiolo.dev/release: {{ include "studiolo.name" . }}
studiolo.dev/kind: workspace
{{- end }}

{{- define "studiolo.warm.selector" -}}
studiolo.dev/release: {{ include "studiolo.name" . }}
studiolo.dev/kind: warm
{{- end }}

{{- define "studiolo.image" -}}
{{- if .digest }}{{ .name }}@{{ .digest }}{{ else }}{{ .name }}:{{ .tag | default "latest" }}{{ end -}}
{{- end }}

{{- define "studiolo.url.hub" -}}
http://{{ include "studiolo.name" . }}-hub.{{ .Release.Namespace }}.svc:8081
{{- end }}

{{- define "studiolo.url.services" -}}
http://{{ include "studiolo.name" . }}-services.{{ .Release.Namespace }}.svc:8083
{{- end }}

{{- define "studiolo.url.broker" -}}
https://{{ include "studiolo.name" . }}-broker.{{ .Release.Namespace }}.svc:8086
{{- end }}

{{- define "studiolo.url.proxy-api" -}}
http://{{ include "studiolo.name" . }}-proxy-api.{{ .Release.Namespace }}.svc:8001
{{- end }}
