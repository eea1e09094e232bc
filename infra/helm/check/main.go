// Command check renders the chart with files of values as `helm template` does, lints it as `helm lint` does, decodes every
// object strictly into the types of the Kubernetes API, and looks at the invariants of invariants.go.
//
//	check CHART [VALUES.yaml ...]
//
// Prints a report as JSON: what is wrong, and the settings of each container. Exits with 1 when nothing can be rendered.
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"log"
	"os"
	"sort"
	"strings"

	certmanager "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	monitoring "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/engine"
	"helm.sh/helm/v3/pkg/lint"
	"helm.sh/helm/v3/pkg/lint/support"
	"helm.sh/helm/v3/pkg/releaseutil"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/client-go/kubernetes/scheme"
)

const (
	release   = "chat"
	namespace = "realchat"
)

type report struct {
	Problems []string `json:"problems"`
	// Such as "Deployment chat-presence", sorted.
	Objects    []string    `json:"objects"`
	Containers []container `json:"containers"`
}

// What a service's own checks need to know of a container.
type container struct {
	Name         string            `json:"name"`
	GraceSeconds int64             `json:"graceSeconds"`
	Settings     map[string]string `json:"settings"`
	// Settings whose values are in Secrets.
	Secrets []string `json:"secrets"`
}

func main() {
	// Helm tells of the links to the alerts and dashboards.
	log.SetOutput(io.Discard)
	found, err := check(os.Args[1], os.Args[2:])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	if err := json.NewEncoder(os.Stdout).Encode(found); err != nil {
		panic(err)
	}
}

func check(folder string, valueFiles []string) (report, error) {
	given := chartutil.Values{}
	for _, file := range valueFiles {
		values, err := chartutil.ReadValuesFile(file)
		if err != nil {
			return report{}, err
		}
		given = chartutil.CoalesceTables(values, given)
	}
	manifests, err := render(folder, given)
	if err != nil {
		return report{}, err
	}
	objects, problems := decode(manifests)
	problems = append(problems, lintProblems(folder, given)...)
	problems = append(problems, broken(objects)...)
	sort.Strings(problems)
	return report{Problems: problems, Objects: names(objects), Containers: containersOf(objects)}, nil
}

// As `helm template` does: with the schema, and objects one by one.
func render(folder string, given chartutil.Values) ([]string, error) {
	chart, err := loader.Load(folder)
	if err != nil {
		return nil, err
	}
	options := chartutil.ReleaseOptions{Name: release, Namespace: namespace, Revision: 1, IsInstall: true}
	values, err := chartutil.ToRenderValues(chart, given, options, chartutil.DefaultCapabilities)
	if err != nil {
		return nil, err
	}
	files, err := engine.Render(chart, values)
	if err != nil {
		return nil, err
	}
	var manifests []string
	for _, file := range sortedKeys(files) {
		documents := releaseutil.SplitManifests(files[file])
		for _, key := range sortedKeys(documents) {
			manifests = append(manifests, documents[key])
		}
	}
	return manifests, nil
}

func lintProblems(folder string, given chartutil.Values) []string {
	var problems []string
	for _, message := range lint.AllWithKubeVersion(folder, given, namespace, nil).Messages {
		if message.Severity > support.InfoSev {
			problems = append(problems, "lint: "+message.Error())
		}
	}
	return problems
}

// Strictly: a field that the API does not have, or that is there twice, is a problem.
func decode(manifests []string) ([]runtime.Object, []string) {
	types := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{scheme.AddToScheme, monitoring.AddToScheme, certmanager.AddToScheme} {
		if err := add(types); err != nil {
			panic(err)
		}
	}
	decoder := serializer.NewCodecFactory(types, serializer.EnableStrict).UniversalDeserializer()
	var objects []runtime.Object
	problems := []string{}
	for _, manifest := range manifests {
		if object, _, err := decoder.Decode([]byte(manifest), nil, nil); err != nil {
			problems = append(problems, fmt.Sprintf("%v in: %.200s", err, strings.TrimSpace(manifest)))
		} else {
			objects = append(objects, object)
		}
	}
	return objects, problems
}

func sortedKeys[V any](values map[string]V) []string {
	keys := make([]string, 0, len(values))
	for key := range values {
		keys = append(keys, key)
	}
	sort.Strings(keys)
	return keys
}
