{{- /* studiolo.yaml as hub and services read it: the values that are settings, and what the chart itself decides. */ -}}

{{- define "studiolo.settings" -}}
{{- $settings := .Values | toYaml | fromYaml -}}
{{- range .Files.Get "files/chart-only.json" | fromJsonArray -}}
  {{- $from := $settings -}}
  {{- $path := splitList "." . -}}
  {{- range initial $path }}{{ $from = get $from . | default dict }}{{ end -}}
  {{- $_ := unset $from (last $path) -}}
{{- end -}}
{{- $database := "/etc/studiolo/%s-database/url" -}}
{{- $decided := dict
  "dataDirectory" "/data"
  "catalogDirectory" "/etc/studiolo/catalogs"
  "secretsDirectory" "/etc/studiolo/keys"
  "publicUrl" (required "publicUrl: the address in people's browsers, such as https://studiolo.example.org" .Values.publicUrl)
  "proxy" (dict "host" "0.0.0.0" "port" 8000 "apiUrl" (include "studiolo.url.proxy-api" .))
  "hub" (dict "host" "0.0.0.0" "port" 8081 "connectUrl" (include "studiolo.url.hub" .))
  "services" (dict "host" "0.0.0.0" "url" (include "studiolo.url.services" .))
  "auth" (dict "oidc" (dict "caFile" (ternary "/etc/studiolo/identity/ca.crt" "" (not (empty .Values.auth.oidc.caConfigMap)))))
  "kubernetes" (dict
    "namespace" (include "studiolo.workspaces" .)
    "release" (include "studiolo.name" .)
    "priorityClass" ((.Values.kubernetes | default dict).priorityClass | default (printf "%s-workspace" (include "studiolo.name" .)))
    "homes" (dict "claim" (include "studiolo.homes.claim" .) "folder" .Values.homes.folder "teamFolders" .Values.homes.teamFolders))
-}}
{{- if .Values.homes.service.enabled -}}
  {{- $_ := set $decided "homes" (dict "service" (dict "url" (include "studiolo.url.homes" .) "host" "0.0.0.0" "root" "/homes")) -}}
{{- end -}}
{{- if .Values.capacity.enabled -}}
  {{- $_ := set $decided "capacity" (dict "namespace" (include "studiolo.capacity" .) "priorityClass" (printf "%s-placeholder" (include "studiolo.name" .)) "images" (dict "priorityClass" (printf "%s-pull" (include "studiolo.name" .)))) -}}
{{- end -}}
{{- if .Values.claims.enabled -}}
  {{- $_ := set $decided "claims" (dict "agentsNamespace" (include "studiolo.nodes" .)) -}}
{{- end -}}
{{- $registry := dict -}}
{{- if .Values.models.registry.existingSecret -}}
  {{- $_ := set $registry "credentialsFile" "/etc/studiolo/registry/config.json" -}}
{{- end -}}
{{- if .Values.models.registry.caConfigMap -}}
  {{- $_ := set $registry "caFile" "/etc/studiolo/registry-authority/ca.crt" -}}
{{- end -}}
{{- $models := dict -}}
{{- if $registry }}{{ $_ := set $models "registry" $registry }}{{ end -}}
{{- if .Values.models.slowBuild.enabled }}{{ $_ := set $models "slowBuild" (dict "namespace" (include "studiolo.builds" .)) }}{{ end -}}
{{- if $models }}{{ $_ := set $decided "models" $models }}{{ end -}}
{{- range $part := list "hub" "services" -}}
  {{- if (index $.Values $part).database.existingSecret -}}
    {{- $_ := set (index $decided $part) "database" (dict "urlFile" (printf $database $part)) -}}
  {{- end -}}
{{- end -}}
{{- mergeOverwrite $settings $decided | toYaml -}}
{{- end }}

{{- define "studiolo.mounts" -}}
- { name: settings, mountPath: /etc/studiolo/settings, readOnly: true }
- { name: catalogs, mountPath: /etc/studiolo/catalogs, readOnly: true }
- { name: keys, mountPath: /etc/studiolo/keys, readOnly: true }
- { name: data, mountPath: /data }
- { name: tmp, mountPath: /tmp }
{{- end }}

{{- /* Of hub and services: include "studiolo.volumes" (list $ "hub"). Only the hub sees the secret it signs people in with. */ -}}
{{- define "studiolo.volumes" -}}
{{- $part := index . 1 }}
{{- with index . 0 }}
- name: settings
  configMap:
    name: {{ include "studiolo.name" . }}-settings
- name: catalogs
  configMap:
    name: {{ include "studiolo.name" . }}-catalogs
- name: keys
  projected:
    defaultMode: 0440
    sources:
      - secret:
          name: {{ include "studiolo.keys" . }}
      {{- if and (eq $part "hub") .Values.auth.oidc.existingSecret }}
      - secret:
          name: {{ .Values.auth.oidc.existingSecret }}
          items:
            - { key: oidc_client_secret, path: oidc_client_secret }
      {{- end }}
      {{- if and (eq $part "hub") .Values.homes.service.enabled }}
      - secret:
          name: {{ include "studiolo.homes.key" . }}
          items:
            - { key: homes_token, path: homes_token }
      {{- end }}
{{- if and (eq $part "hub") .Values.auth.oidc.caConfigMap }}
- name: identity
  configMap:
    name: {{ .Values.auth.oidc.caConfigMap }}
{{- end }}
- name: tmp
  emptyDir: {}
{{- end }}
{{- end }}

{{- /* The mount of a database's address, where a Secret has it: include "studiolo.database.mount" (list "hub" .Values.hub.database) */ -}}
{{- define "studiolo.database.mount" -}}
{{- if (index . 1).existingSecret }}
- { name: database, mountPath: /etc/studiolo/{{ index . 0 }}-database, readOnly: true }
{{- end }}
{{- end }}

{{- define "studiolo.database.volume" -}}
{{- with (index . 1).existingSecret }}
- name: database
  secret:
    secretName: {{ . }}
    defaultMode: 0440
    items:
      - { key: url, path: url }
{{- end }}
{{- end }}

{{- /* Arguments of the proxy that follow from settings. */ -}}
{{- define "studiolo.proxy.args" -}}
{{- if .Values.domainPerPerson }}
- --host-routing
{{- end }}
{{- with .Values.metrics.proxyPort }}
- --metrics-ip=0.0.0.0
- --metrics-port={{ . }}
{{- end }}
{{- end }}
