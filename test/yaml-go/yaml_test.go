// SPDX-License-Identifier: Apache-2.0

// Package yamlreader holds Phalanx' reader of YAML against the one that kubectl and client-go use: sigs.k8s.io/yaml
// behind apimachinery's decoder of documents.
//
// corpus.txt has the snippets, each behind a line "#### name", or "#### name: refused: text" where Kubernetes reads
// what Phalanx refuses on purpose with an error that has this text. A snippet that Kubernetes cannot read is
// to be refused by Phalanx, too.
package yamlreader

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"reflect"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/util/yaml"
)

type snippet struct {
	name, refusal, text string
}

func readCorpus(t *testing.T) []snippet {
	t.Helper()
	data, err := os.ReadFile("corpus.txt")
	if err != nil {
		t.Fatal(err)
	}
	var snippets []snippet
	for _, part := range strings.Split("\n"+string(data), "\n#### ")[1:] {
		header, text, _ := strings.Cut(part, "\n")
		name, refusal, _ := strings.Cut(header, ": refused: ")
		snippets = append(snippets, snippet{name, refusal, text + "\n"})
	}
	if len(snippets) == 0 {
		t.Fatal("the corpus is empty")
	}
	return snippets
}

// kubernetesReads returns what a client decodes, document by document; those that are empty are left out.
func kubernetesReads(text string) ([]any, error) {
	documents := []any{}
	decoder := yaml.NewYAMLOrJSONDecoder(strings.NewReader(text), 4096)
	for {
		var raw json.RawMessage
		if err := decoder.Decode(&raw); errors.Is(err, io.EOF) {
			return documents, nil
		} else if err != nil {
			return nil, err
		}
		value, err := parse(raw)
		if err != nil {
			return nil, err
		}
		if value != nil {
			documents = append(documents, value)
		}
	}
}

func parse(raw []byte) (any, error) {
	if len(bytes.TrimSpace(raw)) == 0 {
		return nil, nil
	}
	var value any
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	err := decoder.Decode(&value)
	return normal(value), err
}

// normal makes numbers comparable: those with the same value are equal.
func normal(value any) any {
	switch value := value.(type) {
	case json.Number:
		if integer, err := value.Int64(); err == nil {
			return integer
		}
		if float, err := value.Float64(); err == nil {
			return float
		}
		return value.String()
	case []any:
		for i := range value {
			value[i] = normal(value[i])
		}
	case map[string]any:
		for key := range value {
			value[key] = normal(value[key])
		}
	}
	return value
}

func phalanxReads(t *testing.T, text string) (any, error) {
	t.Helper()
	command := exec.Command(os.Getenv("YAML_TOOL"))
	var out, complaint bytes.Buffer
	command.Stdin, command.Stdout, command.Stderr = strings.NewReader(text), &out, &complaint
	if err := command.Run(); err != nil {
		var exit *exec.ExitError
		if !errors.As(err, &exit) || exit.ExitCode() != 1 {
			t.Fatalf("the tool: %v", err)
		}
		return nil, errors.New(strings.TrimSpace(complaint.String()))
	}
	return parse(out.Bytes())
}

func TestPhalanxReadsWhatKubernetesReads(t *testing.T) {
	for _, one := range readCorpus(t) {
		t.Run(one.name, func(t *testing.T) {
			expected, kubernetes := kubernetesReads(one.text)
			found, phalanx := phalanxReads(t, one.text)
			switch {
			case one.refusal != "":
				if phalanx == nil || !strings.Contains(phalanx.Error(), one.refusal) {
					t.Errorf("not refused with %q: %v, %v", one.refusal, phalanx, found)
				}
			case kubernetes != nil && phalanx == nil:
				t.Errorf("Kubernetes: %v; Phalanx reads %v", kubernetes, found)
			case kubernetes == nil && phalanx != nil:
				t.Errorf("Kubernetes reads %v; Phalanx: %v", expected, phalanx)
			case kubernetes == nil && !reflect.DeepEqual(found, any(expected)):
				t.Errorf("Kubernetes reads %#v; Phalanx %#v", expected, found)
			}
		})
	}
}
