{{- /* Values of which this version has a default and the release has none: `helm upgrade --reuse-values` goes on with the
defaults of the version that was installed, and would know nothing of newer ones. Each template begins with it, before it
reads a value. files/defaults.json is written from values.yaml, one entry for each value; a value that is itself free
form, such as resources, is there or is not. */ -}}
{{- define "studiolo.values" -}}
{{- $values := deepCopy .Values -}}
{{- range $path, $default := .Files.Get "files/defaults.json" | fromJson -}}
  {{- $names := splitList "." $path -}}
  {{- $section := $values -}}
  {{- range initial $names -}}
    {{- if not (kindIs "map" (get $section .)) }}{{ $_ := set $section . dict }}{{ end -}}
    {{- $section = get $section . -}}
  {{- end -}}
  {{- if not (hasKey $section (last $names)) }}{{ $_ := set $section (last $names) $default }}{{ end -}}
{{- end -}}
{{- $_ := set . "Values" $values -}}
{{- end }}
