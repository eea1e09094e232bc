{{/* Names, labels and images. A template takes (list $ "presence") or (list $ "delivery"). */}}

{{- define "name" -}}
{{- $root := index . 0 -}}
{{- printf "%s-%s" (trunc 40 $root.Release.Name | trimSuffix "-") (index . 1) -}}
{{- end -}}

{{/* What a pod of this service, and no other, is found by. */}}
{{- define "selector" -}}
{{- $root := index . 0 -}}
app.kubernetes.io/name: {{ index . 1 }}
app.kubernetes.io/instance: {{ $root.Release.Name }}
{{- end -}}

{{- define "labels" -}}
{{- $root := index . 0 -}}
{{ include "selector" . }}
app.kubernetes.io/part-of: realchat-presence
app.kubernetes.io/version: {{ $root.Values.image.tag | default $root.Chart.AppVersion | trunc 63 | quote }}
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" $root.Chart.Name $root.Chart.Version | replace "+" "_" | trunc 63 }}
{{- end -}}

{{- define "image" -}}
{{- $root := index . 0 -}}
{{- $image := (index $root.Values (index . 1)).image -}}
{{- $repository := trimPrefix "/" (printf "%s/%s" $root.Values.image.registry $image.repository) -}}
{{- if $image.digest -}}
{{ printf "%s@%s" $repository $image.digest }}
{{- else -}}
{{ printf "%s:%s" $repository ($root.Values.image.tag | default $root.Chart.AppVersion) }}
{{- end -}}
{{- end -}}

{{/* The Secret with a service's certificate; empty: it has none. */}}
{{- define "tlsSecret" -}}
{{- $root := index . 0 -}}
{{- $tls := (index $root.Values (index . 1)).tls -}}
{{- if $tls.existingSecret -}}
{{ $tls.existingSecret }}
{{- else if $tls.issuer -}}
{{ include "name" . }}-tls
{{- end -}}
{{- end -}}
