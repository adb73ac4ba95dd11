{{- /* What every pod of ours has: as little as Pod Security restricted asks for, and less. */ -}}

{{- define "studiolo.pod.security" -}}
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  runAsUser: 1000
  runAsGroup: 1000
  fsGroup: 1000
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile:
    type: RuntimeDefault
{{- end }}

{{- define "studiolo.container.security" -}}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities:
    drop: [ALL]
{{- end }}

{{- /* Where it may run: include "studiolo.pod.placement" (list $ .Values.hub) */ -}}
{{- define "studiolo.pod.placement" -}}
{{- with (index . 0).Values.imagePullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- with (index . 1).nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with (index . 1).tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- /* Restarts a part when what it reads only at its start has changed. Catalogs are not among it. */ -}}
{{- define "studiolo.pod.checksums" -}}
checksum/settings: {{ include "studiolo.settings" . | sha256sum }}
checksum/keys: {{ include "studiolo.keys" . | sha256sum }}
{{- end }}

{{- /* The data folder: include "studiolo.volume.data" (list $ "hub" .Values.hub.database) */ -}}
{{- define "studiolo.volume.data" -}}
- name: data
  {{- with index . 2 }}
  {{- if .existingSecret }}
  emptyDir: {}
  {{- else }}
  persistentVolumeClaim:
    claimName: {{ .existingClaim | default (printf "%s-%s" (include "studiolo.name" (index $ 0)) (index $ 1)) }}
  {{- end }}
  {{- end }}
{{- end }}
