{{/* The installation's defaults, as penstock.installation reads them. */}}

{{/* "true" where artifacts are on a PersistentVolumeClaim; empty otherwise. */}}
{{- define "penstock.hasClaim" -}}
{{- if or .Values.artifacts.persistence.enabled .Values.quickstart.enabled -}}true{{- end -}}
{{- end -}}

{{- define "penstock.claim" -}}
{{- default (printf "%s-artifacts" (include "penstock.fullname" .)) .Values.artifacts.persistence.existingClaim -}}
{{- end -}}

{{/* "true" where the artifact store's certificate is of authorities that are given; empty otherwise. */}}
{{- define "penstock.hasAuthorities" -}}
{{- $given := .Values.artifacts.caBundle -}}
{{- if and $given.configMapName $given.secretName -}}
{{- fail "artifacts.caBundle has both configMapName and secretName: leave one out" -}}
{{- end -}}
{{- if or $given.configMapName $given.secretName -}}true{{- end -}}
{{- end -}}

{{- define "penstock.authorities" -}}
/run/penstock.dev/artifacts-ca/ca.crt
{{- end -}}

{{- define "penstock.artifactsUri" -}}
{{- if .Values.artifacts.uri -}}
{{- .Values.artifacts.uri -}}
{{- else if include "penstock.hasClaim" . -}}
file:///var/lib/penstock/artifacts
{{- else -}}
{{- fail "Set artifacts.uri, artifacts.persistence.enabled or quickstart.enabled: run directories need a place" -}}
{{- end -}}
{{- end -}}

{{- define "penstock.quickstartHost" -}}
{{- printf "%s-%s.%s" (include "penstock.fullname" (index . 0)) (index . 1) (index . 0).Release.Namespace -}}
{{- end -}}

{{/* Of which type the Ray is: as .Values.ray.type says, or else the quickstart's own, or KubeRay. */}}
{{- define "penstock.rayType" -}}
{{- $type := default (ternary "RayCluster" "KubeRay" .Values.quickstart.enabled) .Values.ray.type -}}
{{- $address := .Values.ray.rayCluster.address -}}
{{- if and (eq $type "KubeRay") $address -}}
{{- fail "ray.rayCluster.address names a Ray, and KubeRay is used: set ray.type to RayCluster, or take the address out" -}}
{{- else if and (eq $type "RayCluster") (not (or $address .Values.quickstart.enabled)) -}}
{{- fail "ray.type is RayCluster: set ray.rayCluster.address" -}}
{{- end -}}
{{- $type -}}
{{- end -}}

{{- define "penstock.rayAddress" -}}
{{- default (printf "http://%s:8265" (include "penstock.quickstartHost" (list . "ray"))) .Values.ray.rayCluster.address -}}
{{- end -}}

{{/* Secret and key of the token of a RayCluster; empty where it has none. */}}
{{- define "penstock.rayTokenSecret" -}}
{{- if eq (include "penstock.rayType" .) "RayCluster" -}}
{{- if .Values.ray.rayCluster.address -}}
{{- .Values.ray.rayCluster.tokenSecretKeyRef.name -}}
{{- else -}}
{{- include "penstock.quickstartTokenSecret" . -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "penstock.rayTokenKey" -}}
{{- if .Values.ray.rayCluster.address -}}{{- .Values.ray.rayCluster.tokenSecretKeyRef.key -}}{{- else -}}token{{- end -}}
{{- end -}}

{{- define "penstock.quickstartTokenSecret" -}}
{{- default (printf "%s-ray-token" (include "penstock.fullname" .)) .Values.quickstart.ray.tokenSecretName -}}
{{- end -}}

{{/* spec.ray.kubeRay without what is empty. */}}
{{- define "penstock.kubeRay" -}}
{{- $given := dict -}}
{{- range $name, $value := .Values.ray.kubeRay -}}
{{- if or $value (kindIs "bool" $value) (kindIs "float64" $value) (kindIs "int64" $value) -}}
{{- $_ := set $given $name $value -}}
{{- end -}}
{{- end -}}
{{- $head := dict "cpus" .Values.ray.kubeRay.head.cpus "memory" .Values.ray.kubeRay.head.memory -}}
{{- with .Values.ray.kubeRay.head.podTemplate -}}{{- $_ := set $head "podTemplate" . -}}{{- end -}}
{{- $workers := dict -}}
{{- with .Values.ray.kubeRay.workers.podTemplate -}}{{- $_ := set $workers "podTemplate" . -}}{{- end -}}
{{- $_ := set $given "head" $head -}}
{{- $_ := set $given "workers" $workers -}}
{{- toJson $given -}}
{{- end -}}

{{- define "penstock.installation" -}}
{{- range $name, $section := dict "registry" .Values.feast.registry "onlineStore" .Values.feast.onlineStore -}}
{{- if regexMatch "(?i)passw(or)?d|secret|://[^/@\"]*:[^/@\"]*@" (toJson $section) -}}
{{- fail (printf "feast.%s holds a password, and everybody may read it: name the store in a FeatureStore instead, with a secretKeyRef" $name) -}}
{{- end -}}
{{- end -}}
{{- $ray := dict "type" (include "penstock.rayType" .) -}}
{{- if eq $ray.type "RayCluster" -}}
{{- $_ := set $ray "rayCluster" (dict "address" (include "penstock.rayAddress" .)) -}}
{{- else -}}
{{- $_ := set $ray "kubeRay" (include "penstock.kubeRay" . | fromJson) -}}
{{- end -}}
{{- $made := dict "artifacts" (include "penstock.artifactsUri" .) "ray" $ray "python" (include "penstock.python" .) -}}
{{- $_ := set $made "platformImage" (include "penstock.image" (list . .Values.ray.platformImage)) -}}
{{- if .Values.gateway.enabled -}}
{{- $scheme := include "penstock.gatewayScheme" . -}}
{{- $service := printf "%s-gateway" (include "penstock.fullname" .) -}}
{{- $_ := set $made "gateway" (dict "service" $service "port" $scheme "scheme" $scheme) -}}
{{- end -}}
{{- with .Values.artifacts.secretName -}}{{- $_ := set $made "artifactsSecret" . -}}{{- end -}}
{{- if include "penstock.hasAuthorities" . -}}
{{- $_ := set $made "artifactsCaPath" (include "penstock.authorities" .) -}}
{{- end -}}
{{- if include "penstock.hasClaim" . -}}{{- $_ := set $made "artifactsClaim" (include "penstock.claim" .) -}}{{- end -}}
{{- if include "penstock.rayTokenSecret" . -}}
{{- $_ := set $made "rayTokenPath" "/run/secrets/penstock.dev/ray/token" -}}
{{- end -}}
{{- $milvus := .Values.milvus.uri -}}
{{- $registry := .Values.feast.registry -}}
{{- $online := .Values.feast.onlineStore -}}
{{- if .Values.quickstart.enabled -}}
{{- $milvus = default (printf "http://%s:19530" (include "penstock.quickstartHost" (list . "milvus"))) $milvus -}}
{{- $registry = default (dict "registry_type" "sql" "path" "sqlite:////var/lib/penstock/feast/registry.db") $registry -}}
{{- $redis := printf "%s:6379" (include "penstock.quickstartHost" (list . "redis")) -}}
{{- $online = default (dict "type" "redis" "connection_string" $redis) $online -}}
{{- end -}}
{{- with $milvus -}}{{- $_ := set $made "milvusUri" . -}}{{- end -}}
{{- with $registry -}}{{- $_ := set $made "feastRegistry" . -}}{{- end -}}
{{- with $online -}}{{- $_ := set $made "feastOnlineStore" . -}}{{- end -}}
{{- toPrettyJson $made -}}
{{- end -}}
