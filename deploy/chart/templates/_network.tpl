{{- /* Peers and rules that several policies share. */ -}}

{{- /* DNS, wherever the cluster has it: pods of kube-system, an address of the nodes, a cache at a link-local one. */ -}}
{{- define "studiolo.network.dns" -}}
- to:
    - namespaceSelector:
        matchLabels:
          kubernetes.io/metadata.name: kube-system
    {{- range .Values.networkPolicy.privateRanges }}
    - ipBlock:
        cidr: {{ . }}
    {{- end }}
    - ipBlock:
        cidr: 169.254.20.10/32
  ports:
    - { port: 53, protocol: UDP }
    - { port: 53, protocol: TCP }
{{- end }}

{{- define "studiolo.network.workspaces" -}}
- namespaceSelector:
    matchLabels:
      kubernetes.io/metadata.name: {{ include "studiolo.workspaces" . }}
  podSelector:
    matchLabels:
      {{- include "studiolo.workspace.selector" . | nindent 6 }}
{{- end }}

{{- /* Pods of nobody that wait to be claimed. */ -}}
{{- define "studiolo.network.warm" -}}
- namespaceSelector:
    matchLabels:
      kubernetes.io/metadata.name: {{ include "studiolo.workspaces" . }}
  podSelector:
    matchLabels:
      {{- include "studiolo.warm.selector" . | nindent 6 }}
{{- end }}

{{- /* A port for metrics, opened for those who may read them: include "studiolo.network.metrics" (list $ "hubPort") */ -}}
{{- define "studiolo.network.metrics" -}}
{{- $metrics := (index . 0).Values.metrics }}
{{- $port := get $metrics (index . 1) }}
{{- if and $port $metrics.from }}
- from:
    {{- toYaml $metrics.from | nindent 4 }}
  ports: [{ port: {{ $port }} }]
{{- end }}
{{- end }}

{{- define "studiolo.network.api" -}}
# The API server, which is no pod and has no label.
- to:
    {{- range .Values.networkPolicy.apiServer.cidrs }}
    - ipBlock:
        cidr: {{ . }}
        {{- if eq . "0.0.0.0/0" }}
        except: [169.254.0.0/16]
        {{- end }}
    {{- end }}
  ports: {{ include "studiolo.network.ports" .Values.networkPolicy.apiServer.ports }}
{{- end }}

{{- define "studiolo.network.ports" -}}
{{- $ports := list }}{{ range . }}{{ $ports = append $ports (dict "port" .) }}{{ end }}{{ toJson $ports }}
{{- end }}

{{- define "studiolo.network.database" -}}
{{- if .existingSecret }}
# PostgreSQL, wherever its address in the Secret says.
- to:
    - ipBlock:
        cidr: 0.0.0.0/0
        except: [169.254.0.0/16]
  ports: [{ port: {{ .port | default 5432 }} }]
{{- end }}
{{- end }}

{{- /* Registries: the one of models at the port of models.registry.host, and those of base images and packages by TLS. */ -}}
{{- define "studiolo.network.registry" -}}
{{- with .Values.models.registry.host }}
# The registry of models, wherever it is; base images and packages.
- to:
    - ipBlock:
        cidr: 0.0.0.0/0
        except: [169.254.0.0/16]
  ports: {{ include "studiolo.network.ports" (uniq (list (regexFind ":[0-9]+$" . | trimPrefix ":" | default "443" | int) (regexFind ":[0-9]+$" (urlParse (($.Values.packages).indexUrl | default "")).host | trimPrefix ":" | default "443" | int) 443)) }}
{{- end }}
{{- end }}
